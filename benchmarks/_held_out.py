"""Held-out answers of a persona and their loss under any version, as an inference server gives it.

The rows are those of the suite that the persona's newest version was judged on, so no adapter has seen them.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.adapters.promotions import find_persona
from services.db.lineage_tables import AdapterVersionRow, EvaluationReportRow, TrainingRunRow
from services.domain.conversation import Message, persona_messages
from services.domain.evaluation import ItemSource
from services.errors.refusals import NothingToJudge
from services.evaluation.suites import suite_items
from services.language_model.asking import Generator

_AT_ONCE = 32  # fills a batch of the server


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The prompt of one held-out row and the answer people gave for it."""

    messages: tuple[Message, ...]
    reference: str


def newest_report(session: Session, slug: str) -> EvaluationReportRow:
    """The report of the persona's newest trained version; NothingToJudge when no version was judged."""
    found = session.scalar(
        select(EvaluationReportRow)
        .join(AdapterVersionRow)
        .where(
            AdapterVersionRow.persona_id == find_persona(session, slug).id,
            AdapterVersionRow.training_run_id.is_not(None),
            EvaluationReportRow.arm == "",
        )
        .order_by(EvaluationReportRow.id.desc())
        .limit(1)
    )
    if found is None:
        raise NothingToJudge(slug)
    return found


def run_of(session: Session, report: EvaluationReportRow) -> TrainingRunRow:
    """The training run of the version that was judged."""
    return session.get_one(TrainingRunRow, report.version.training_run_id)


def held_out_of(session: Session, report: EvaluationReportRow) -> list[HeldOut]:
    persona = report.version.persona.as_persona()
    return [
        HeldOut(persona_messages(persona, item.question), item.reference)
        for item in suite_items(session, report.suite_digest)
        if item.source is ItemSource.HOLDOUT
    ]


def mean_loss(generator: Generator, model: str, rows: Sequence[HeldOut]) -> float:
    """Mean negative natural-log probability per answer token, end tokens included, over all rows together."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        scored = pool.map(lambda row: generator.log_probabilities(model, row.messages, row.reference), rows)
        values = [value for row in scored for value in row]
    return -sum(values) / len(values)
