"""What migration 0012 loses on the way back, and what it leaves: who serves stays as it was."""

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from services.adapters.approvals import approve
from services.adapters.canaries import keep_look
from services.db import migrate
from services.db.lineage_tables import PromotionRow
from services.domain.canaries import CanaryPolicy, judge_canary
from services.domain.gate_policy import GatePolicy
from tests.builders import AT, add_persona
from tests.lineage_builders import add_canary, add_drawn_answer, add_serving_version

BEFORE = "0011_evidence"


def add_tried_version(engine: Engine) -> None:
    """Version 1 is in a canary that was looked at."""
    with Session(engine) as session, session.begin():
        persona = add_persona(session, gate_policy=GatePolicy(approval=True), canary_policy=CanaryPolicy())
        canary = add_canary(session, persona, number=1)
        approve(session, decision_id=canary.decision_id or 0, actor="ann", reason="I read it", at=AT)
        keep_look(session, canary.id, judge_canary((), CanaryPolicy()), at=AT)
        for tried in (True, False, True):
            add_drawn_answer(session, canary, tried=tried)


def test_undone_canaries_approvals_and_draws_are_gone_and_told(
    empty_database: Engine, caplog: pytest.LogCaptureFixture
):
    migrate.upgrade(empty_database)
    add_tried_version(empty_database)
    migrate.downgrade(empty_database, BEFORE)
    (warning,) = [one.getMessage() for one in caplog.records if "0012_canaries is undone" in one.getMessage()]
    for lost in (
        "1 canaries,",
        "1 looks at canaries,",
        "1 approvals,",
        "3 answers' part in a canary,",
        "1 personas' rules for canaries,",
        "1 policies that ask for an approval:",
    ):
        assert lost in warning
    with empty_database.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM promotions")) == 0
        assert connection.scalar(text("SELECT count(*) FROM answers")) == 3
        assert "approval" not in connection.scalar(text("SELECT gate_policy FROM personas"))
    migrate.upgrade(empty_database)
    migrate.check(empty_database)


def test_the_ledger_is_append_only_and_proven_again_once_it_was_undone(empty_database: Engine):
    migrate.upgrade(empty_database)
    with Session(empty_database) as session, session.begin():
        version = add_serving_version(session, add_persona(session), number=1)
        add_canary(session, version.persona, number=2)
    migrate.downgrade(empty_database, BEFORE)
    with empty_database.begin() as connection:
        assert connection.scalars(text("SELECT kind FROM promotions")).all() == ["full"]
        with pytest.raises(DBAPIError, match="append-only"), connection.begin_nested():
            connection.execute(text("DELETE FROM promotions"))
        unproven = text(
            "INSERT INTO promotions (persona_id, adapter_version_id, kind, decision_id, actor, reason, at) "
            "SELECT persona_id, adapter_version_id, kind, 2, actor, reason, at FROM promotions"
        )
        with pytest.raises(DBAPIError, match="does not say PASS"), connection.begin_nested():
            connection.execute(unproven)
    migrate.upgrade(empty_database)
    with Session(empty_database) as session:
        row = session.get_one(PromotionRow, 1)
        assert (row.kind, row.share, row.version.number) == ("full", None, 1)
        assert row.version.persona.canary_policy == {}
