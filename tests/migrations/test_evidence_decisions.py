"""What migration 0011 makes of decisions that were there before, and of newer ones on the way back."""

from dataclasses import asdict
from typing import Any

import pytest
from sqlalchemy import Engine, column, insert, select, table, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from services.db import migrate
from services.db.lineage_tables import GateDecisionRow, PromotionRow
from services.domain.checks import Check
from services.domain.gate import GATE_VERSION
from tests.builders import AT, add_persona
from tests.lineage_builders import add_report, add_version, limit_check

BEFORE = "0010_skipped_nights"
OLD_CHECKS: list[dict[str, Any]] = [
    {
        "metric": "style_hit",
        "slice": "overall",
        "measured": 0.7,
        "champion": 0.6,
        "required": 0.55,
        "items": 300,
        "verdict": "PASS",
        "reason": "0.700 is at least 0.550",
    },
    {
        "metric": "fact_hit",
        "slice": "overall",
        "measured": None,
        "champion": None,
        "required": None,
        "items": 0,
        "verdict": "INSUFFICIENT",
        "reason": "0 items, and 100 are needed",
    },
]
UNTOLD = {
    "asked": "limit",
    "against": None,
    "difference": None,
    "low": None,
    "high": None,
    "witnesses": 0.0,
    "more_items": None,
}


def add_reports(engine: Engine) -> tuple[int, ...]:
    """Of versions 1, 2 and 3 of one persona."""
    with Session(engine) as session, session.begin():
        persona = add_persona(session)
        return tuple(
            add_report(session, add_version(session, persona, number=number)).id for number in (1, 2, 3)
        )


def add_old_decision(engine: Engine, candidate: int, champion: int) -> None:
    names = ("candidate_report_id", "champion_report_id", "policy_digest", "verdict", "created_at")
    decisions = table(
        "gate_decisions",
        *(column(name) for name in names),
        column("policy", JSONB),
        column("checks", JSONB),
    )
    with engine.begin() as connection:
        connection.execute(
            insert(decisions).values(
                candidate_report_id=candidate,
                champion_report_id=champion,
                policy={"requirements": []},
                policy_digest="digest",
                verdict="INSUFFICIENT",
                checks=OLD_CHECKS,
                created_at=AT,
            )
        )


def decided(candidate: int, champion: int, anchor: int, **given: Any) -> GateDecisionRow:
    values = {
        "gate_version": GATE_VERSION,
        "verdict": "PASS",
        "checks": [asdict(limit_check("PASS"))],
        "used": ["key"],
        "opened": True,
    }
    return GateDecisionRow(
        candidate_report_id=candidate,
        champion_report_id=champion,
        anchor_report_id=anchor,
        policy={},
        policy_digest="digest",
        created_at=AT,
        **(values | given),
    )


def promote(session: Session, decision: GateDecisionRow) -> None:
    version = decision.candidate_report.version
    session.add(
        PromotionRow(
            persona_id=version.persona_id,
            version=version,
            kind="full",
            decision_id=decision.id,
            actor="me",
            reason="because",
            at=AT,
        )
    )


def test_a_decision_of_before_is_one_of_the_first_gate_with_its_champion_as_the_anchor(
    empty_database: Engine,
):
    migrate.upgrade(empty_database)
    candidate, champion, _ = add_reports(empty_database)
    migrate.downgrade(empty_database, BEFORE)
    add_old_decision(empty_database, candidate, champion)
    migrate.upgrade(empty_database)
    with Session(empty_database) as session:
        decision = session.scalars(select(GateDecisionRow)).one()
        assert (decision.gate_version, decision.anchor_report_id) == (1, champion)
        assert (decision.used, decision.opened, decision.verdict) == ([], False, "INSUFFICIENT")
        assert decision.checks == [
            {key: value for key, value in check.items() if key != "champion"}
            | UNTOLD
            | {"reference": check["champion"]}
            for check in OLD_CHECKS
        ]
        assert [Check(**check).metric for check in decision.checks] == ["style_hit", "fact_hit"]
    migrate.downgrade(empty_database, BEFORE)
    with empty_database.connect() as connection:
        assert connection.scalar(text("SELECT checks FROM gate_decisions")) == OLD_CHECKS
    migrate.upgrade(empty_database)
    migrate.check(empty_database)


@pytest.mark.parametrize(
    ("promoted", "kept", "lost"), [((), [2], 2), ((0,), [0], 2), ((1,), [1], 2), ((0, 1), [0, 1], 1)]
)
def test_of_decisions_on_one_pair_the_promoted_stay_else_the_newest(
    empty_database: Engine,
    caplog: pytest.LogCaptureFixture,
    promoted: tuple[int, ...],
    kept: list[int],
    lost: int,
):
    migrate.upgrade(empty_database)
    candidate, champion, anchor = add_reports(empty_database)
    with Session(empty_database) as session, session.begin():
        decisions = [
            decided(candidate, champion, champion, gate_version=1),
            decided(candidate, champion, champion),
            decided(candidate, champion, anchor),
        ]
        session.add_all([*decisions, decided(candidate, anchor, champion)])
        session.flush()
        for place in promoted:
            promote(session, decisions[place])
        ids = [decision.id for decision in decisions]
    migrate.downgrade(empty_database, BEFORE)
    assert f"{lost} decisions on reports that have another one" in caplog.text
    with empty_database.connect() as connection:
        left = text("SELECT id FROM gate_decisions WHERE champion_report_id = :champion ORDER BY id")
        assert list(connection.scalars(left, {"champion": champion})) == [ids[place] for place in kept]
        assert connection.scalar(text("SELECT count(*) FROM gate_decisions")) == len(kept) + 1
        known = text("SELECT count(*) FROM gate_decisions WHERE policy_digest = 'digest'")
        assert connection.scalar(known) == 2
    migrate.upgrade(empty_database)
    migrate.check(empty_database)


def test_undone_a_check_against_the_anchor_names_no_number_of_the_champion(empty_database: Engine):
    check = {"metric": "style_hit", "required": 0.0, "reference": 0.6, **UNTOLD}
    migrate.upgrade(empty_database)
    candidate, champion, anchor = add_reports(empty_database)
    with Session(empty_database) as session, session.begin():
        checks = [{**check, "against": number, "verdict": "PASS"} for number in (2, 3)]
        session.add(decided(candidate, champion, anchor, checks=checks))
    migrate.downgrade(empty_database, BEFORE)
    with empty_database.connect() as connection:
        assert connection.scalar(text("SELECT checks FROM gate_decisions")) == [
            {"metric": "style_hit", "required": 0.0, "verdict": "PASS", "champion": 0.6},
            {"metric": "style_hit", "required": 0.0, "verdict": "PASS", "champion": None},
        ]
