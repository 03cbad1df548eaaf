"""What somebody called unsafe is offered to nobody else, neither alone nor beside another answer."""

from uuid import uuid4

import pytest
from sqlalchemy.orm import Session

from services.db.feedback_tables import AnswerRow, PersonaRow
from services.domain.feedback import AnswerId, RaterId, Reason
from services.domain.personas import PersonaSlug
from services.domain.reviews import ReviewVerdict
from services.feedback.offering import offer_comparison
from services.feedback.pairing import pair_up
from services.feedback.peers import offer_peer
from services.feedback.questions import new_rater
from services.feedback.rating import WrittenRating, rate
from tests.builders import AT, add_answer, add_feedback_review, add_persona, add_retraction, asker_of


@pytest.fixture
def persona(session: Session) -> PersonaRow:
    persona = add_persona(session)
    chances = {"peer_percent": 100, "repeat_percent": 0, "known_percent": 0}
    persona.example_policy = persona.example_policy | chances
    return persona


@pytest.fixture
def flag(session: Session, persona: PersonaRow) -> str:
    """That the only answer which its asker rated is unsafe: the source."""
    answer, other = (add_answer(session, persona, text=said) for said in ("Arr.", "Avast."))
    pair_up(session, AnswerId(other.id))
    stars(session, answer, 4)
    return stars(session, answer, 1, Reason.UNSAFE)


def stars(session: Session, answer: AnswerRow, given: int, *reasons: Reason) -> str:
    rated = rate(
        session,
        answer_id=AnswerId(answer.id),
        rater=asker_of(answer),
        stars=given,
        reasons=reasons,
        submission=uuid4(),
        at=AT,
    )
    return f"rating:{rated.id}"


def offers(session: Session, persona: PersonaRow) -> tuple[bool, bool]:
    """Whether another rater is offered it alone, and beside the other one."""
    rater: RaterId = new_rater(session, at=AT)
    rated = WrittenRating(
        1, own=True, persona_id=persona.id, persona=PersonaSlug(persona.slug), peer_percent=100
    )
    peer = offer_peer(session, rated, rater=rater, at=AT)
    pair = offer_comparison(session, persona=persona, rater=rater, at=AT)
    return peer is not None, pair is not None


def test_it_is_offered_in_neither_way_and_whatever_else_is_said_later(session, persona, flag):
    assert offers(session, persona) == (False, False)
    add_feedback_review(session, flag, ReviewVerdict.AGREED)
    assert offers(session, persona) == (False, False)


def test_once_that_was_taken_back_it_is_offered_again(session, persona, flag):
    add_retraction(session, flag)
    assert offers(session, persona) == (True, True)


def test_what_a_reviewer_overruled_holds_nothing_back_until_it_is_restored(session, persona, flag):
    add_feedback_review(session, flag, ReviewVerdict.OVERRULED)
    assert offers(session, persona) == (True, True)
    add_feedback_review(session, flag, ReviewVerdict.RESTORED)
    assert offers(session, persona) == (False, False)
