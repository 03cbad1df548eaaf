"""Canaries in the ledger: who begins one, what ends one, what the database itself refuses; approvals."""

from uuid import uuid4

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from services.adapters.canaries import cooling_down, keep_look
from services.adapters.live import live_at, live_now, who_answers
from services.adapters.promoting import promote, promote_canary, start_canary
from services.adapters.promotions import champion_at, rollback, who_serves, withdraw
from services.db.feedback_tables import PersonaRow
from services.domain.canaries import CanaryPolicy, CanaryVerdict, judge_canary
from services.domain.feedback import RaterId
from services.errors.inputs import InvalidPolicy
from services.errors.refusals import CanaryCoolingDown, CanaryEnded, CanaryOpen, NotPassed, VersionNeverServed
from tests.builders import AT, add_persona
from tests.lineage_builders import add_canary, add_decision, add_serving_version, add_version
from tests.services.adapters.canary_steps import HOUR, PIRATE, begin, look


@pytest.fixture
def persona(session: Session) -> PersonaRow:
    """One that version 1 serves."""
    row = add_persona(session)
    add_serving_version(session, row, number=1)
    return row


def test_a_canary_has_its_share_and_the_champion_the_rest(session: Session, persona: PersonaRow):
    canary = add_canary(session, persona, number=2, share=0.2, at=AT + HOUR)
    assert who_serves(session, persona).number == champion_at(session, persona, AT + 2 * HOUR).number == 1
    champion, tried = live_now(session, persona)
    assert tried is not None
    assert (champion.version, champion.share) == (1, 0.8)
    assert (tried.version, tried.share, tried.promotion_id) == (2, 0.2, canary.id)
    assert live_at(session, persona, AT).canary is None
    assert live_at(session, persona, AT + HOUR).canary == tried


def test_who_answers_is_read_in_one_statement_with_a_canary_and_without(
    session: Session, persona: PersonaRow
):
    statements: list[str] = []
    event.listen(session.connection(), "before_cursor_execute", lambda *given: statements.append(given[2]))
    for tried in (False, True):
        if tried:
            add_canary(session, persona, number=2)
        session.expire_all()
        assert persona.slug
        statements.clear()
        who_answers(session, persona, rater=RaterId(uuid4()), conversation=uuid4())
        assert len(statements) == 1


def test_a_canary_may_begin_over_the_plain_base(session: Session):
    persona = add_persona(session)
    add_canary(session, persona, number=1)
    champion, tried = live_now(session, persona)
    assert tried is not None
    assert (champion.version, tried.version) == (0, 1)


@pytest.mark.parametrize("verdict", ["PASS", "INSUFFICIENT"])
def test_what_passed_or_cannot_be_told_may_go_to_a_canary_and_the_same_again_changes_nothing(
    session: Session, persona: PersonaRow, verdict: str
):
    decision = add_decision(session, add_version(session, persona, number=2), verdict=verdict)
    assert begin(session, decision).id == begin(session, decision).id


def test_what_failed_goes_nowhere_and_what_cannot_be_told_never_straight_to_everyone(
    session: Session, persona: PersonaRow
):
    version = add_version(session, persona, number=2)
    with pytest.raises(NotPassed, match="is FAIL, and a canary takes PASS, or INSUFFICIENT with a written"):
        begin(session, add_decision(session, version, verdict="FAIL"))
    insufficient = add_decision(session, version, verdict="INSUFFICIENT")
    with pytest.raises(NotPassed, match=f"canary start {insufficient.id}"):
        promote(session, decision_id=insufficient.id, actor="me", at=AT)


def test_one_canary_is_open_at_a_time_and_nothing_else_is_promoted_meanwhile(
    session: Session, persona: PersonaRow
):
    add_canary(session, persona, number=2)
    other = add_decision(session, add_version(session, persona, number=3), verdict="PASS")
    with pytest.raises(CanaryOpen, match="Version 2 of 'pirate' is in a canary"):
        begin(session, other)
    with pytest.raises(CanaryOpen):
        promote(session, decision_id=other.id, actor="night", at=AT)


def test_where_the_persona_has_a_policy_for_canaries_what_passed_goes_to_one_first(
    session: Session, persona: PersonaRow
):
    persona.canary_policy = {"share": 0.1}
    decision = add_decision(session, add_version(session, persona, number=2), verdict="PASS")
    row = promote(session, decision_id=decision.id, actor="night", at=AT)
    assert (row.kind, row.share, who_serves(session, persona).number) == ("canary", 0.1, 1)
    assert promote(session, decision_id=decision.id, actor="night", at=AT).id == row.id
    insufficient = add_decision(session, add_version(session, persona, number=3), verdict="INSUFFICIENT")
    with pytest.raises(NotPassed):
        promote(session, decision_id=insufficient.id, actor="night", at=AT)


def test_a_policy_that_cannot_be_is_named(session: Session, persona: PersonaRow):
    persona.canary_policy = {"part": 0.1}
    decision = add_decision(session, add_version(session, persona, number=2), verdict="PASS")
    with pytest.raises(InvalidPolicy, match="part"):
        promote(session, decision_id=decision.id, actor="night", at=AT)


def test_a_full_promotion_by_its_canary_carries_the_decision_and_ends_the_canary(
    session: Session, persona: PersonaRow
):
    canary = add_canary(session, persona, number=2, verdict="INSUFFICIENT")
    look(session, canary, CanaryVerdict.FULL)
    row = promote_canary(session, canary, actor="watch", reason="no worse", at=AT)
    assert (row.kind, row.decision_id, who_serves(session, persona).number) == ("full", canary.decision_id, 2)
    assert live_now(session, persona)[1] is None


def test_a_rollback_ends_the_canary_says_so_and_keeps_the_champion(session: Session, persona: PersonaRow):
    add_canary(session, persona, number=2)
    with pytest.raises(
        VersionNeverServed, match="answered some conversations in a canary and never everyone"
    ):
        rollback(session, persona=PIRATE, to_version=2, reason="more", actor="me", at=AT)
    row = rollback(session, persona=PIRATE, to_version=None, reason="it lies", actor="me", at=AT)
    assert (row.kind, row.version.number) == ("rollback", 1)
    assert row.reason == "it lies (the canary of version 2 ends)"
    assert live_now(session, persona)[1] is None
    back = rollback(session, persona=PIRATE, to_version=None, reason="it lies too", actor="me", at=AT)
    add_version(session, persona, number=3)
    with pytest.raises(VersionNeverServed, match="never served anyone"):
        rollback(session, persona=PIRATE, to_version=3, reason="more", actor="me", at=AT)
    assert (back.version.number, back.reason) == (0, "it lies too")


@pytest.mark.parametrize(("unsound", "serves"), [(2, 1), (1, 0)])
def test_a_damaged_version_of_either_arm_ends_the_canary(
    session: Session, persona: PersonaRow, unsound: int, serves: int
):
    versions = {1: who_serves(session, persona).version_id}
    versions[2] = add_canary(session, persona, number=2).adapter_version_id
    row = withdraw(session, version_id=versions[unsound], problem="a flipped byte", actor="server", at=AT)
    assert row is not None
    assert row.reason == f"version {unsound} is unsound: a flipped byte (the canary of version 2 ends)"
    assert who_serves(session, persona).number == serves
    assert live_now(session, persona)[1] is None
    assert withdraw(session, version_id=versions[2], problem="again", actor="server", at=AT) is None


def test_after_its_ratings_took_one_back_no_canary_begins_for_a_while(session: Session, persona: PersonaRow):
    canary = add_canary(session, persona, number=2)
    look(session, canary, CanaryVerdict.ROLLBACK)
    rollback(session, persona=PIRATE, to_version=None, reason="worse", actor="watch", at=AT)
    same = add_decision(session, canary.version, verdict="PASS")
    other = add_decision(session, add_version(session, persona, number=3), verdict="PASS")
    for decision in (same, other):
        with pytest.raises(CanaryCoolingDown, match=r"version 2 .* wait until 2026-11-21 12:00 UTC"):
            begin(session, decision, hours=23)
    with pytest.raises(CanaryCoolingDown):
        promote(session, decision_id=same.id, actor="night", at=AT + 23 * HOUR)
    assert cooling_down(session, persona, at=AT + 24 * HOUR) is None
    with pytest.raises(CanaryEnded, match="let the gate decide"):
        start_canary(
            session,
            decision_id=canary.decision_id or 0,
            share=0.2,
            actor="me",
            reason="again",
            at=AT + 24 * HOUR,
        )
    assert begin(session, same, hours=24).version.number == 2


def test_what_its_ratings_took_back_is_not_promoted_past_them(session: Session, persona: PersonaRow):
    canary = add_canary(session, persona, number=2)
    look(session, canary, CanaryVerdict.ROLLBACK)
    rollback(session, persona=PIRATE, to_version=None, reason="worse", actor="watch", at=AT)
    with pytest.raises(CanaryEnded):
        promote(session, decision_id=canary.decision_id or 0, actor="a cleared run", at=AT + 24 * HOUR)
    assert who_serves(session, persona).number == 1


def test_what_others_were_taken_back_for_does_not_hold_up_a_full_promotion(
    session: Session, persona: PersonaRow
):
    look(session, add_canary(session, persona, number=2), CanaryVerdict.ROLLBACK)
    rollback(session, persona=PIRATE, to_version=None, reason="worse", actor="watch", at=AT)
    other = add_decision(session, add_version(session, persona, number=3), verdict="PASS")
    assert promote(session, decision_id=other.id, actor="night", at=AT).kind == "full"


def test_a_persons_own_end_of_a_canary_asks_for_no_pause(session: Session, persona: PersonaRow):
    add_canary(session, persona, number=2)
    rollback(session, persona=PIRATE, to_version=None, reason="never mind", actor="me", at=AT)
    assert add_canary(session, persona, number=3).version.number == 3


def test_what_was_seen_is_written_down_once(session: Session, persona: PersonaRow):
    canary = add_canary(session, persona, number=2)
    judged = judge_canary((), CanaryPolicy())
    assert keep_look(session, canary.id, judged, at=AT)
    assert not keep_look(session, canary.id, judged, at=AT + HOUR)
    with pytest.raises(DBAPIError, match="append-only"):
        session.execute(text("DELETE FROM canary_looks"))
