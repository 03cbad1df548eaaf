"""What a version owes before it serves: an approval where its policy asks for one, proof to the database."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from services.adapters.approvals import approve
from services.adapters.promoting import promote, promote_canary
from services.adapters.promotions import who_serves
from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import AdapterVersionRow, PromotionRow
from services.domain.canaries import CanaryVerdict
from services.domain.promotions import PromotionKind
from services.errors.refusals import NotApproved, NotPassed
from tests.builders import AT, add_persona
from tests.lineage_builders import add_canary, add_decision, add_serving_version, add_version
from tests.services.adapters.canary_steps import begin, look


@pytest.fixture
def persona(session: Session) -> PersonaRow:
    """One that version 1 serves."""
    row = add_persona(session)
    add_serving_version(session, row, number=1)
    return row


def approved_persona(session: Session) -> tuple[PersonaRow, AdapterVersionRow]:
    row = add_persona(session)
    return row, add_version(session, row, number=1)


def test_what_asks_for_an_approval_waits_for_one(session: Session):
    persona, version = approved_persona(session)
    decision = add_decision(session, version, verdict="PASS", policy={"approval": True})
    with pytest.raises(NotApproved, match=f"persona-loop approve {decision.id}"):
        promote(session, decision_id=decision.id, actor="night", at=AT)
    with pytest.raises(NotApproved):
        begin(session, decision)
    first = approve(session, decision_id=decision.id, actor="ann", reason="I read it", at=AT)
    again = approve(session, decision_id=decision.id, actor="bob", reason="so did I", at=AT)
    assert (again.id, again.actor) == (first.id, "ann")
    promote(session, decision_id=decision.id, actor="night", at=AT)
    assert who_serves(session, persona).number == 1
    with pytest.raises(DBAPIError, match="append-only"):
        session.execute(text("UPDATE approvals SET actor = 'bob'"))


def test_nobodys_word_lets_a_fail_serve(session: Session):
    _, version = approved_persona(session)
    with pytest.raises(NotPassed):
        approve(
            session,
            decision_id=add_decision(session, version, verdict="FAIL").id,
            actor="ann",
            reason="I like it",
            at=AT,
        )


@pytest.mark.parametrize(
    ("kind", "verdict", "asks", "change", "sentence"),
    [
        (
            "canary",
            "FAIL",
            False,
            {},
            "a canary needs a reason and a decision on this version that is no FAIL",
        ),
        ("canary", "PASS", False, {"reason": " "}, "a canary needs a reason"),
        ("canary", "PASS", False, {"decision_id": None}, "a canary needs a reason"),
        ("canary", "PASS", False, {"share": None}, "canary_has_a_share"),
        ("canary", "PASS", False, {"share": 1.0}, "share_range"),
        ("canary", "PASS", True, {}, "asks for an approval, and nobody gave one"),
        ("full", "PASS", True, {}, "asks for an approval, and nobody gave one"),
        ("full", "INSUFFICIENT", False, {}, "does not say PASS of this version"),
        ("full", "PASS", False, {"share": 0.5}, "canary_has_a_share"),
    ],
)
def test_the_database_refuses_what_nothing_lets_serve(
    session: Session, *, kind: str, verdict: str, asks: bool, change: dict[str, object], sentence: str
):
    persona, version = approved_persona(session)
    decision = add_decision(session, version, verdict=verdict, policy={"approval": asks})
    given = {
        "decision_id": decision.id,
        "share": 0.5 if kind == "canary" else None,
        "reason": "because",
    } | change
    session.add(PromotionRow(persona_id=persona.id, version=version, kind=kind, actor="me", at=AT, **given))
    with pytest.raises(IntegrityError, match=sentence):
        session.flush()


@pytest.mark.parametrize("verdict", [CanaryVerdict.KEEP, CanaryVerdict.ROLLBACK])
def test_the_database_promotes_an_untold_canary_fully_only_by_its_ratings(
    session: Session, persona: PersonaRow, verdict: CanaryVerdict
):
    canary = add_canary(session, persona, number=2, verdict="INSUFFICIENT")
    look(session, canary, verdict)
    with pytest.raises(IntegrityError, match="does not say PASS"):
        promote_canary(session, canary, actor="watch", reason="no worse", at=AT)


def test_the_database_lets_no_canary_begin_on_another(session: Session, persona: PersonaRow):
    add_canary(session, persona, number=2)
    version = add_version(session, persona, number=3)
    decision = add_decision(session, version, verdict="PASS")
    session.add(
        PromotionRow(
            persona_id=persona.id,
            version=version,
            kind=PromotionKind.CANARY,
            share=0.5,
            decision_id=decision.id,
            actor="me",
            reason="because",
            at=AT,
        )
    )
    with pytest.raises(IntegrityError, match="one canary is open"):
        session.flush()
