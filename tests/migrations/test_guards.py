"""What the database itself refuses, whoever asks for it in whatever words."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from services.db.erasure_tables import ErasureRow
from services.db.lineage_tables import (
    AdapterVersionRow,
    EvaluationReportRow,
    EvaluationSuiteRow,
    PromotionRow,
)
from services.feedback.questions import new_rater
from tests.builders import AT, add_persona
from tests.lineage_builders import add_answers, add_canary, add_decision, add_serving_version, add_version


def move(
    session: Session,
    version: AdapterVersionRow,
    kind: str,
    *,
    persona_id: int | None = None,
    at: datetime = AT,
) -> None:
    session.add(
        PromotionRow(
            persona_id=persona_id or version.persona_id,
            version=version,
            kind=kind,
            actor="me",
            reason="because",
            at=at,
        )
    )
    session.flush()


@pytest.mark.parametrize("kind", ["rollback", "reinstate"])
@pytest.mark.parametrize("had", ["nothing", "a canary"])
def test_no_version_is_put_back_that_never_served(session: Session, kind: str, had: str):
    persona = add_persona(session)
    if had == "a canary":
        version = add_canary(session, persona, number=1).version
    else:
        version = add_version(session, persona, number=1)
    with pytest.raises(IntegrityError, match="no decision ever let this version serve"):
        move(session, version, kind)


def test_no_persona_goes_back_to_a_version_of_another(session: Session):
    served = add_serving_version(session, add_persona(session))
    with pytest.raises(IntegrityError, match="no decision ever let this version serve"):
        move(session, served, "reinstate", persona_id=add_persona(session, slug="another").id)


def test_the_base_and_what_served_can_be_put_back(session: Session):
    persona = add_persona(session)
    version = add_serving_version(session, persona)
    base = session.query(AdapterVersionRow).filter_by(persona_id=persona.id, number=0).one()
    move(session, base, "rollback")
    move(session, version, "reinstate")


def test_the_ledger_takes_no_row_that_is_older_than_its_last(session: Session):
    version = add_serving_version(session, add_persona(session))
    with pytest.raises(IntegrityError, match="stand in order of time"):
        move(session, version, "reinstate", at=AT - timedelta(seconds=1))


@pytest.mark.parametrize("change", ["digest = repeat('0', 64)", "name = 'pirate@else'", "number = 9"])
def test_a_version_stays_what_was_judged(session: Session, change: str):
    add_serving_version(session, add_persona(session))
    with pytest.raises(IntegrityError, match="stays the files it was registered with"):
        session.execute(text(f"UPDATE adapter_versions SET {change} WHERE number = 1"))  # noqa: S608


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM evaluation_reports",
        "TRUNCATE evaluation_suites CASCADE",
        "UPDATE evaluation_reports SET items = '[]'",
        "UPDATE evaluation_reports SET adapter_version_id = (SELECT max(id) FROM adapter_versions)",
        "UPDATE evaluation_reports SET metrics = '[]'",
        "UPDATE evaluation_suites SET items = '[]'",
        "UPDATE evaluation_suites SET redacted_at = now()",
        "UPDATE gate_decisions SET redacted_at = now()",
    ],
)
@pytest.mark.parametrize("erasing", [False, True])
def test_reports_and_suites_are_kept_as_they_are(session: Session, change: str, erasing: bool):  # noqa: FBT001
    persona = add_persona(session)
    add_answers(session, add_version(session, persona, number=1), right=20)
    add_decision(session, add_version(session, persona, number=2), verdict="FAIL")
    if erasing and "redacted_at" not in change:
        begin_erasure(session)
    with pytest.raises(DBAPIError, match="append-only"):
        session.execute(text(change))


def begin_erasure(session: Session) -> None:
    rater = new_rater(session, at=AT)
    session.add(ErasureRow(rater_id=rater, actor="me", reason="asked", begun_at=AT, found={}, files=[]))
    session.flush()


def test_an_erasure_takes_texts_out_and_no_figure(session: Session):
    persona = add_persona(session)
    report = session.get_one(
        EvaluationReportRow, add_answers(session, add_version(session, persona, number=1), right=20)
    )
    suite = session.get_one(EvaluationSuiteRow, report.suite_digest)
    begin_erasure(session)

    emptied = report.items[0] | {"answer": "", "item": without_text(report.items[0]["item"])}
    better = emptied | {"fact_hit": 0.0}
    assert better != emptied
    rewriting = update(EvaluationReportRow).where(EvaluationReportRow.id == report.id)
    with pytest.raises(DBAPIError, match="append-only"), session.begin_nested():
        session.execute(rewriting.values(items=[better, *report.items[1:]]))
    report.items = [emptied, *report.items[1:]]
    suite.items = [without_text(suite.items[0]), *suite.items[1:]]
    suite.redacted_at = AT
    session.flush()


def without_text(item: dict[str, Any]) -> dict[str, Any]:
    return item | {"reference": "", "question": item["question"] | {"text": ""}}
