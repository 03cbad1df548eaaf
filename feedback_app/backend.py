"""What the views stand on: the process's engines, its generator, its asks, what it has read once of
decisions and training sets, and the clock. No queries."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import ClassVar

from flask import current_app
from sqlalchemy import Engine

from feedback_app.asks_under_way import AsksUnderWay
from services.db.session import SingleEngine
from services.evaluation.arms import KeptSentences
from services.language_model.asking import Generator
from services.settings import Settings
from services.training_sets.word_index import KeptIndexes


@dataclass(frozen=True, slots=True)
class Backend:
    KEY: ClassVar[str] = "persona_loop"

    settings: Settings
    engine: Engine
    single: SingleEngine
    generator: Generator
    asks: AsksUnderWay
    notes: KeptSentences
    rated_days: dict[tuple[int, date], int]  # ratings of days that are over, by persona
    indexes: KeptIndexes


def backend() -> Backend:
    """The backend that `create_app` gave the app of this request."""
    found: Backend = current_app.extensions[Backend.KEY]
    return found


def now() -> datetime:
    """The moment of this request: services are told the time, and this edge is where it is read."""
    return datetime.now(UTC)
