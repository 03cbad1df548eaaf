"""One reviewer at a time, on a real database with two connections."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from services.accounts import invitations
from services.db.account_tables import AccountRow
from services.db.session import session_scope
from services.domain.feedback import AnswerId
from services.domain.reviews import LOCKED_FOR
from services.domain.roles import Role
from services.errors.people import ReviewHeld, ReviewNotHeld
from services.feedback.erasing import bury, lock_rater
from services.feedback.review_locks import Reviewer, held_by, hold, leave, take
from tests.builders import (
    AT,
    add_answer,
    add_comparison,
    add_feedback_review,
    add_persona,
    add_rating,
    asker_of,
)


def _reviewer(session: Session, name: str) -> Reviewer:
    token = invitations.invite(session, Role.CURATOR, actor="test", at=AT)
    account: AccountRow = invitations.accept(
        session, token, name=name, password="long enough it is", rater=None, at=AT
    )
    return Reviewer(account.id, account.actor)


@pytest.fixture
def reviewers(session: Session) -> tuple[Reviewer, Reviewer]:
    return _reviewer(session, "Ada"), _reviewer(session, "Bea")


@pytest.fixture
def answer(session: Session) -> AnswerId:
    return AnswerId(add_answer(session, add_persona(session)).id)


def test_a_lock_holds_until_its_time_is_up_or_it_is_given_back(
    session: Session, reviewers: tuple[Reviewer, Reviewer], answer: AnswerId
):
    ada, bea = reviewers
    take(session, answer, ada, at=AT)
    with pytest.raises(ReviewHeld, match=r"account:Ada looks at this .* 10 minutes"):
        take(session, answer, bea, at=AT)
    hold(session, answer, ada, at=AT + timedelta(minutes=9))
    with pytest.raises(ReviewHeld, match="9 minutes"):
        take(session, answer, bea, at=AT + timedelta(minutes=10))
    with pytest.raises(ReviewNotHeld):
        hold(session, answer, bea, at=AT + timedelta(minutes=10))
    over = AT + timedelta(minutes=9) + LOCKED_FOR
    with pytest.raises(ReviewNotHeld):
        hold(session, answer, ada, at=over)
    take(session, answer, bea, at=over)
    leave(session, answer, ada)
    held = held_by(session, answer, at=over)
    assert held is not None
    assert held.actor == "account:Bea"
    leave(session, answer, bea)
    assert held_by(session, answer, at=over) is None


@pytest.fixture
def two(clean: Engine) -> tuple[AnswerId, tuple[Reviewer, Reviewer]]:
    with session_scope(clean) as session:
        answer = AnswerId(add_answer(session, add_persona(session)).id)
        reviewers = _reviewer(session, "Ada"), _reviewer(session, "Bea")
    return answer, reviewers


@pytest.mark.parametrize("expired", [False, True])
def test_of_two_who_open_it_at_once_exactly_one_gets_it(
    clean: Engine, two: tuple[AnswerId, tuple[Reviewer, Reviewer]], *, expired: bool
):
    answer, reviewers = two
    if expired:
        with session_scope(clean) as session:
            take(session, answer, reviewers[0], at=AT - timedelta(hours=1))
    together = Barrier(2)

    def opening(reviewer: Reviewer) -> bool:
        together.wait(30)
        try:
            with session_scope(clean) as session:
                take(session, answer, reviewer, at=AT)
        except ReviewHeld:
            return False
        return True

    for _ in range(10):
        with ThreadPoolExecutor(2) as threads:
            got = list(threads.map(opening, reviewers))
        assert sorted(got) == [False, True]
        with session_scope(clean) as session:
            leave(session, answer, reviewers[got.index(True)])


def test_decisions_are_append_only_but_for_the_reasons_of_who_is_erased(session: Session):
    persona = add_persona(session)
    answer = add_answer(session, persona)
    add_feedback_review(session, add_rating(session, answer, rater=asker_of(answer)), "agreed")
    for change in ("UPDATE feedback_reviews SET reason = ''", "DELETE FROM feedback_reviews"):
        with pytest.raises(DBAPIError, match="append-only"), session.begin_nested():
            session.execute(text(change))
    lock_rater(session, asker_of(answer)).erased_at = AT
    session.flush()
    assert bury(session, asker_of(answer), secret="x")["decisions on words"] == 1
    assert session.scalar(text("SELECT reason FROM feedback_reviews")) == ""


@pytest.mark.parametrize("side", [0, 1])
def test_a_reason_beside_a_comparison_goes_with_who_asked_for_either_answer(session: Session, side: int):
    persona = add_persona(session)
    answers = [add_answer(session, persona) for _ in range(3)]
    add_feedback_review(session, add_comparison(session, *answers[:2]), "agreed")
    for asker, emptied in ((asker_of(answers[2]), 0), (asker_of(answers[side]), 1)):
        lock_rater(session, asker).erased_at = AT
        session.flush()
        assert bury(session, asker, secret="x")["decisions on words"] == emptied
