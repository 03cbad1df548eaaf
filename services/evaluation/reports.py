"""Reports in PostgreSQL: metrics and items of one version on one suite under one way of serving."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.db.lineage_tables import EvaluationReportRow, EvaluationSuiteRow
from services.domain.answer_formats import AnswerRules
from services.domain.conversation import PROMPT_VERSION
from services.domain.fingerprint import Fingerprint, ServerFacts
from services.domain.personas import Persona
from services.domain.training import digest_of
from services.errors.lookups import UnknownRecord
from services.errors.refusals import Redacted, ReportsNotComparable
from services.evaluation.instruments import Instruments
from services.evaluation.scoring import Scored
from services.evaluation.summaries import summarise

NO_INSTRUMENTS = Instruments()


@dataclass(frozen=True, slots=True)
class Asking:
    """How a report came about: by which arm (empty: the version itself), in how long, measured with what,
    served how, and asked under which conditions, the `settings_digest` without instruments.
    """

    arm: str = ""
    seconds: float | None = None
    instruments: Instruments = NO_INSTRUMENTS
    fingerprint: Fingerprint | None = None
    conditions: str | None = None


BY_ITSELF = Asking()


def settings_digest(persona: Persona, facts: ServerFacts, instruments: Instruments = NO_INSTRUMENTS) -> str:
    """What scores depend on besides version and suite: server, template, markers, settings, format, and what
    they are measured with.
    """
    conditions = {
        "server": asdict(facts),
        "system_template": persona.system_template,
        "markers": list(persona.markers),
        "generation": asdict(persona.generation),
    }
    if instruments.conditions:
        conditions["measured"] = instruments.conditions
    if persona.answers != AnswerRules():
        conditions["answers"] = persona.answers.as_record() | {"instruction": persona.answers.instruction}
    return digest_of(conditions)


def report_by_id(session: Session, report_id: int) -> EvaluationReportRow:
    """Raises UnknownRecord."""
    report = session.get(EvaluationReportRow, report_id)
    if report is None:
        raise UnknownRecord("evaluation report", report_id)
    return report


def version_report(session: Session, report_id: int) -> EvaluationReportRow:
    """Raises UnknownRecord, and ReportsNotComparable for the report of another arm than a version."""
    report = report_by_id(session, report_id)
    if report.arm:
        raise ReportsNotComparable(f"report {report.id} is of the arm “{report.arm}” and of no version")
    return report


def find_report(
    session: Session, *, version_id: int, suite_digest: str, settings_digest: str, arm: str = ""
) -> EvaluationReportRow | None:
    """The report of a version itself, or of another arm beside it."""
    return session.scalar(
        select(EvaluationReportRow).where(
            EvaluationReportRow.adapter_version_id == version_id,
            EvaluationReportRow.suite_digest == suite_digest,
            EvaluationReportRow.prompt_version == PROMPT_VERSION,
            EvaluationReportRow.settings_digest == settings_digest,
            EvaluationReportRow.arm == arm,
        )
    )


def find_asked(
    session: Session, *, version_id: int, suite_digest: str, asked_digest: str, arm: str = ""
) -> EvaluationReportRow | None:
    """The first report of the same under conditions that differ at most in what it was measured with."""
    return session.scalar(
        select(EvaluationReportRow)
        .where(
            EvaluationReportRow.adapter_version_id == version_id,
            EvaluationReportRow.suite_digest == suite_digest,
            EvaluationReportRow.prompt_version == PROMPT_VERSION,
            EvaluationReportRow.asked_digest == asked_digest,
            EvaluationReportRow.arm == arm,
        )
        .order_by(EvaluationReportRow.id)
        .limit(1)
    )


def store_report(
    session: Session,
    *,
    version_id: int,
    suite_digest: str,
    settings_digest: str,
    scores: Sequence[Scored],
    at: datetime,
    asked: Asking = BY_ITSELF,
) -> int:
    """The id of the report of these conditions; a report that is there already is kept as it is.

    `scores` have been measured with the instruments, whose own quality stands beside them. Raises Redacted
    where texts of a rater who was erased meanwhile are among the answers.
    """
    suite = session.get_one(EvaluationSuiteRow, suite_digest, with_for_update={"read": True})
    if suite.redacted_at is not None:
        raise Redacted("evaluation suite", suite_digest[:12])
    key = {
        "adapter_version_id": version_id,
        "suite_digest": suite_digest,
        "prompt_version": PROMPT_VERSION,
        "settings_digest": settings_digest,
        "arm": asked.arm,
    }
    session.execute(
        insert(EvaluationReportRow)
        .values(**key, **_columns(scores, asked), created_at=at)
        .on_conflict_do_nothing(constraint="evaluation_reports_conditions_uq")
    )
    return session.scalars(select(EvaluationReportRow.id).filter_by(**key)).one()


def _columns(scores: Sequence[Scored], asked: Asking) -> dict[str, Any]:
    """What a row keeps beside its conditions, by column."""
    metrics = (*summarise(scores), *asked.instruments.values())
    return {
        "asked_digest": asked.conditions,
        "seconds": asked.seconds,
        "fingerprint": asked.fingerprint.as_record() if asked.fingerprint else None,
        "metrics": [asdict(metric) for metric in metrics],
        "items": [asdict(scored) for scored in scores],
    }
