"""The ledger on a real database: promote, roll back, reinstate, withdraw."""

import json
from datetime import timedelta
from select import select as select_ready
from typing import Any

import pytest
from sqlalchemy import Engine, select, text, update
from sqlalchemy.orm import Session

from services.adapters.live import live_at
from services.adapters.promoting import promote
from services.adapters.promotions import (
    anchor_of,
    find_persona,
    history,
    lock_persona,
    rollback,
    who_serves,
    withdraw,
)
from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import AdapterVersionRow, GateDecisionRow, PromotionRow
from services.db.session import session_scope
from services.domain.personas import PersonaSlug
from services.errors.lookups import UnknownPersona, UnknownVersion
from services.errors.refusals import (
    AnchorChanged,
    DecisionOutdated,
    GateChanged,
    NotPassed,
    VersionRemoved,
    VersionServedBefore,
    VersionUnsound,
)
from tests.builders import AT, add_answer, add_persona
from tests.lineage_builders import add_decision, add_serving_version, add_version

PIRATE = PersonaSlug("pirate")


def put_back(session: Session, version: int | None) -> PromotionRow:
    return rollback(session, persona=PIRATE, to_version=version, reason="it lies", actor="me", at=AT)


def test_version_zero_serves_a_new_persona(session: Session):
    persona = add_persona(session)
    assert who_serves(session, persona).number == 0
    assert who_serves(session, persona).name == "base"


def test_a_passed_candidate_serves_and_promoting_it_again_changes_nothing(session: Session):
    persona = add_persona(session)
    decision = add_decision(session, add_version(session, persona, number=1), verdict="PASS")
    first = promote(session, decision_id=decision.id, actor="me", at=AT)
    again = promote(session, decision_id=decision.id, actor="me", at=AT)
    assert first.id == again.id
    assert who_serves(session, persona).number == 1


def test_a_version_marked_unsound_while_its_promotion_waited_does_not_serve(session: Session):
    """Another transaction marks it and goes; what this one read before is not asked any more."""
    persona = add_persona(session)
    version = add_version(session, persona, number=1)
    decision = add_decision(session, version, verdict="PASS")
    session.flush()
    marked = update(AdapterVersionRow).where(AdapterVersionRow.id == version.id).values(unsound_at=AT)
    session.execute(marked, execution_options={"synchronize_session": False})
    assert version.unsound_at is None
    with pytest.raises(VersionUnsound):
        promote(session, decision_id=decision.id, actor="me", at=AT)
    assert who_serves(session, persona).number == 0


def test_a_policy_that_changed_while_the_promotion_waited_is_the_one_that_holds(session: Session):
    persona = add_persona(session)
    decision = add_decision(session, add_version(session, persona, number=1), verdict="PASS")
    changed = update(PersonaRow).where(PersonaRow.id == persona.id).values(canary_policy={"share": 0.3})
    session.execute(changed, execution_options={"synchronize_session": False})
    assert persona.canary_policy == {}
    row = promote(session, decision_id=decision.id, actor="me", at=AT)
    assert (row.kind, row.share) == ("canary", 0.3)


def test_whoever_waited_for_the_lock_moves_after_those_who_had_it(session: Session):
    persona = add_persona(session)
    add_serving_version(session, persona, number=1)
    later = AT + timedelta(minutes=1)
    first = rollback(session, persona=PIRATE, to_version=None, reason="it lies", actor="me", at=later)
    second = put_back(session, 1)
    assert first.at == second.at == later
    assert live_at(session, persona, AT).champion.version == 1
    assert live_at(session, persona, later).champion.version == 1


@pytest.mark.parametrize("verdict", ["FAIL", "INSUFFICIENT"])
def test_a_candidate_that_did_not_pass_never_serves(session: Session, verdict: str):
    persona = add_persona(session)
    decision: GateDecisionRow = add_decision(
        session, add_version(session, persona, number=1), verdict=verdict
    )
    with pytest.raises(NotPassed):
        promote(session, decision_id=decision.id, actor="me", at=AT)
    assert who_serves(session, persona).number == 0


def test_a_candidate_judged_against_a_former_champion_never_serves(session: Session):
    persona = add_persona(session)
    decision = add_decision(session, add_version(session, persona, number=1), verdict="PASS")
    add_serving_version(session, persona, number=2, digest="2" * 64)
    session.flush()
    with pytest.raises(DecisionOutdated, match="version 0, and version 2 serves"):
        promote(session, decision_id=decision.id, actor="me", at=AT)
    assert who_serves(session, persona).number == 2


def test_the_anchor_is_the_first_approved_version_that_can_be_asked(session: Session):
    persona = add_persona(session)
    candidate = add_version(session, persona, number=9)
    assert anchor_of(session, candidate) is None
    before = add_serving_version(session, persona, number=2, base="a base of before")
    assert anchor_of(session, candidate) == before  # it serves, so it is asked
    first, second = (add_serving_version(session, persona, number=number) for number in (3, 4))
    assert anchor_of(session, candidate) == anchor_of(session, second) == first
    assert anchor_of(session, first) is None
    withdraw(session, version_id=first.id, problem="a flipped byte", actor="server", at=AT)
    assert anchor_of(session, candidate) == second


def test_in_the_place_of_a_tainted_champion_on_another_base_its_replacements_anchor_counts(session: Session):
    """Version 3 moved the persona to a new base and is tainted; the candidate is to replace version 2."""
    persona = add_persona(session)
    first, _ = (add_serving_version(session, persona, number=number) for number in (1, 2))
    moved = add_serving_version(session, persona, number=3, base="a new base")
    moved.tainted_at, moved.tainted_reason = AT, "a rater it learnt from"
    assert anchor_of(session, add_version(session, persona, number=4, base="a new base")) == first


def test_a_candidate_held_against_a_former_anchor_never_serves(session: Session):
    persona = add_persona(session)
    first, second = (add_serving_version(session, persona, number=number) for number in (1, 2))
    decision = add_decision(session, add_version(session, persona, number=3), verdict="PASS")
    assert decision.anchor_report.version == first
    withdraw(session, version_id=first.id, problem="a flipped byte", actor="server", at=AT)
    with pytest.raises(AnchorChanged, match="against version 1 as the anchor, and that is version 2 by now"):
        promote(session, decision_id=decision.id, actor="me", at=AT)
    assert who_serves(session, persona).version_id == second.id


def test_what_was_promoted_stays_promoted_when_the_anchor_changes(session: Session):
    persona = add_persona(session)
    first, _ = (add_serving_version(session, persona, number=number) for number in (1, 2))
    decision = add_decision(session, add_version(session, persona, number=3), verdict="PASS")
    promotion = promote(session, decision_id=decision.id, actor="me", at=AT)
    withdraw(session, version_id=first.id, problem="a flipped byte", actor="server", at=AT)
    assert promote(session, decision_id=decision.id, actor="me", at=AT).id == promotion.id


def test_a_candidate_that_another_gate_judged_never_serves(session: Session, monkeypatch: pytest.MonkeyPatch):
    persona = add_persona(session)
    decision = add_decision(session, add_version(session, persona, number=1), verdict="PASS")
    monkeypatch.setattr("services.adapters.promoting.GATE_VERSION", decision.gate_version + 1)
    with pytest.raises(GateChanged, match="let this one decide anew"):
        promote(session, decision_id=decision.id, actor="me", at=AT)
    assert who_serves(session, persona).number == 0


def test_an_unsound_candidate_never_serves(session: Session):
    persona = add_persona(session)
    candidate = add_version(session, persona, number=1)
    decision = add_decision(session, candidate, verdict="PASS")
    withdraw(session, version_id=candidate.id, problem="a flipped byte", actor="server", at=AT)
    with pytest.raises(VersionUnsound, match="a flipped byte"):
        promote(session, decision_id=decision.id, actor="me", at=AT)


def test_a_version_that_was_taken_back_is_not_promoted_again(session: Session):
    persona = add_persona(session)
    version = add_serving_version(session, persona, number=1)
    session.flush()
    put_back(session, 0)
    decision = add_decision(session, version, verdict="PASS")
    with pytest.raises(VersionServedBefore, match="rollback pirate --to 1"):
        promote(session, decision_id=decision.id, actor="a run that was cleared", at=AT)
    assert who_serves(session, persona).number == 0


def test_rolling_back_and_reinstating_are_rows_of_their_kinds(session: Session):
    persona = add_persona(session)
    add_serving_version(session, persona, number=1)
    assert put_back(session, None).kind == "rollback"
    assert who_serves(session, persona).number == 0
    assert put_back(session, 1).kind == "reinstate"
    assert [promotion.version for promotion in history(session, persona)] == [1, 0, 1]


def test_a_damaged_champion_is_withdrawn_for_the_newest_sound_version(session: Session):
    persona = add_persona(session)
    add_serving_version(session, persona, number=1, digest="1" * 64)
    damaged = add_serving_version(session, persona, number=2, digest="2" * 64)
    session.flush()
    row = withdraw(session, version_id=damaged.id, problem="a flipped byte", actor="server", at=AT)
    assert row is not None
    assert who_serves(session, persona).number == 1
    assert "a flipped byte" in row.reason
    again = withdraw(session, version_id=damaged.id, problem="a flipped byte", actor="server", at=AT)
    assert again is None


def test_a_version_whose_files_were_removed_is_neither_promoted_nor_fallen_back_to_nor_an_anchor(
    session: Session,
):
    persona = add_persona(session)
    first = add_serving_version(session, persona, number=1)
    second = add_serving_version(session, persona, number=2)
    candidate = add_version(session, persona, number=3)
    decision = add_decision(session, candidate, verdict="PASS")
    candidate.removed_at = AT
    with pytest.raises(VersionRemoved):
        promote(session, decision_id=decision.id, actor="me", at=AT)
    first.removed_at, candidate.removed_at = AT, None
    session.flush()
    assert anchor_of(session, candidate) == second
    withdraw(session, version_id=second.id, problem="a flipped byte", actor="server", at=AT)
    assert who_serves(session, persona).number == 0
    with pytest.raises(VersionRemoved):
        put_back(session, 1)


def test_asks_do_not_wait_for_a_move(clean: Engine):
    """Publishing a big adapter holds the persona's lock for as long as it takes, so this test commits."""
    with session_scope(clean) as committed:
        add_persona(committed, slug="locked")
    with session_scope(clean) as mover, session_scope(clean) as asker:
        lock_persona(mover, "locked")
        asker.execute(text("SET LOCAL lock_timeout = '1s'"))
        add_answer(asker, find_persona(asker, "locked"))


def test_unknown_personas_and_versions_are_named(session: Session):
    with pytest.raises(UnknownPersona, match="pirate"):
        put_back(session, None)
    add_persona(session)
    with pytest.raises(UnknownVersion, match="9"):
        put_back(session, 9)


def test_a_move_is_announced_when_it_commits(clean: Engine):
    """NOTIFY reaches a listener only at commit, so this test commits, on a persona of its own."""
    with session_scope(clean) as committed:
        persona = add_persona(committed, slug="announced")
        add_serving_version(committed, persona, number=1)
    listener = clean.raw_connection()
    connection: Any = listener.driver_connection  # psycopg2's own
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("LISTEN promotions")
        with session_scope(clean) as committed:
            rollback(
                committed,
                persona=PersonaSlug("announced"),
                to_version=None,
                reason="test",
                actor="me",
                at=AT,
            )
        select_ready([connection], [], [], 10)  # delivered soon after the commit, not with it
        connection.poll()
        payloads = [json.loads(notice.payload) for notice in connection.notifies]
    finally:
        listener.invalidate()
    assert payloads == [{"persona": "announced", "version": 0, "name": "base"}]
    with session_scope(clean) as session:
        assert session.scalars(select(PromotionRow.kind)).all() == ["full", "rollback"]
