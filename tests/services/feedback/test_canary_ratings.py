"""Which conversations of a canary are heard, and what each says."""

from uuid import uuid4

import pytest
from sqlalchemy.orm import Session

from services.db.feedback_tables import AnswerRow
from services.db.lineage_tables import PromotionRow
from services.domain.feedback import AnswerId, Thumb
from services.feedback.canary_ratings import rated_conversations
from services.feedback.rating import rate
from tests.builders import AT, add_answer, add_persona, add_rating, add_review, asker_of
from tests.lineage_builders import add_canary, add_drawn_answer


@pytest.fixture
def canary(session: Session) -> PromotionRow:
    return add_canary(session, add_persona(session), number=1, share=0.2)


def say(session: Session, answer: AnswerRow, stars: int | Thumb) -> None:
    rate(
        session,
        answer_id=AnswerId(answer.id),
        rater=asker_of(answer),
        stars=stars,
        submission=uuid4(),
        at=AT,
    )


def test_each_rated_conversation_has_one_mean_with_its_arm_and_the_canarys_chance(
    session: Session, canary: PromotionRow
):
    tried = add_drawn_answer(session, canary, tried=True, stars=5)
    others = add_drawn_answer(session, canary, tried=False, stars=2)
    add_drawn_answer(session, canary, tried=True)  # nobody rated it
    first, second = rated_conversations(session, canary)
    assert (first.value, first.canary, first.rater) == (1.0, True, str(asker_of(tried)))
    assert (second.value, second.canary, second.rater) == (0.25, False, str(asker_of(others)))
    assert first.propensity == pytest.approx(0.2)
    assert second.propensity == pytest.approx(0.2)
    assert first.style.words == len(tried.text.split())


def test_turns_of_one_conversation_count_once(session: Session, canary: PromotionRow):
    first, second = (add_drawn_answer(session, canary, tried=True) for _ in range(2))
    second.question.conversation = first.question.conversation
    session.flush()
    say(session, first, 5)
    say(session, second, 2)
    (heard,) = rated_conversations(session, canary)
    assert heard.value == 0.625


def test_a_later_rating_changes_the_value_and_not_the_place(session: Session, canary: PromotionRow):
    first = add_drawn_answer(session, canary, tried=True, stars=5)
    add_drawn_answer(session, canary, tried=False, stars=3)
    say(session, first, Thumb.DOWN)
    assert [heard.value for heard in rated_conversations(session, canary)] == [0.0, 0.5]


def test_answers_of_no_canary_or_another_one_are_not_heard(session: Session, canary: PromotionRow):
    say(session, add_answer(session, canary.version.persona), 5)
    other = add_canary(session, add_persona(session, slug="other"), number=1)
    add_drawn_answer(session, other, tried=True, stars=1)
    assert rated_conversations(session, canary) == []


def test_only_the_asker_is_heard_and_nobody_whom_somebody_excluded(session: Session, canary: PromotionRow):
    answer = add_drawn_answer(session, canary, tried=True, stars=4)
    add_rating(session, answer, stars=1)  # by somebody else
    asker = asker_of(answer)
    assert [heard.value for heard in rated_conversations(session, canary)] == [0.75]
    add_review(session, asker, "excluded")
    assert rated_conversations(session, canary) == []
    add_review(session, asker, "trusted")
    assert len(rated_conversations(session, canary)) == 1
