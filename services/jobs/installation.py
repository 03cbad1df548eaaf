"""What a job works with: settings, database, adapter store and inference client, opened at the edge."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Engine

from services.adapters.file_store import FileAdapterStore
from services.adapters.store import AdapterStore
from services.db.session import database_url, make_engine
from services.language_model.asking import Generator
from services.language_model.routing import open_generator
from services.settings import Settings, read_settings


@dataclass(frozen=True, slots=True)
class Installation:
    settings: Settings
    engine: Engine
    store: AdapterStore
    generator: Generator


@contextmanager
def open_installation() -> Iterator[Installation]:
    """The installation that the environment names; raises SettingsMissing, DatabaseUnavailable."""
    settings = read_settings()
    engine = make_engine(database_url(settings))
    try:
        yield Installation(
            settings=settings,
            engine=engine,
            store=FileAdapterStore(settings.store_url),
            generator=open_generator(
                settings.inference_endpoints, token=settings.inference_token.get_secret_value()
            ),
        )
    finally:
        engine.dispose()


def now() -> datetime:
    """The one clock of the jobs; everything below them takes the time as an argument."""
    return datetime.now(UTC)
