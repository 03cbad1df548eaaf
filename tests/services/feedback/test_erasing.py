"""The journals take one change and no other: what an erased rater said becomes a tombstone, once."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from services.domain.feedback import RaterId
from services.feedback.erasing import bury, lock_rater
from tests.builders import AT, add_answer, add_correction, add_persona, add_rating, asker_of


@pytest.fixture
def rater(session: Session) -> RaterId:
    """One who rated and corrected the answer they were given, as somebody else rated theirs."""
    persona = add_persona(session)
    answer = add_answer(session, persona)
    add_rating(session, answer, rater=asker_of(answer))
    add_correction(session, answer, "Arr!", rater=asker_of(answer))
    add_rating(session, add_answer(session, persona), stars=2)
    return asker_of(answer)


@pytest.mark.parametrize(
    "change",
    [
        "ratings SET stars = 1",
        "ratings SET tombstone = 'x', stars = NULL",
        "ratings SET tombstone = 'x', stars = NULL, created_at = now() WHERE rater_id = :rater",
        "ratings SET stars = NULL WHERE rater_id = :rater",
        "corrections SET text = '' WHERE rater_id = :rater",
        "corrections SET tombstone = 'x', text = 'Aye!' WHERE rater_id = :rater",
    ],
)
@pytest.mark.parametrize("erased", [True, False])
def test_any_other_change_is_refused(session: Session, rater: RaterId, change: str, *, erased: bool):
    if erased:
        lock_rater(session, rater).erased_at = AT
        session.flush()
    with pytest.raises(DBAPIError, match=r"append-only|violates check"):
        session.execute(text(f"UPDATE {change}"), {"rater": rater})


@pytest.mark.parametrize("change", ["SET tombstone = 'other'", "SET tombstone = NULL, stars = 5"])
def test_a_tombstone_stays_as_it_is(session: Session, rater: RaterId, change: str):
    lock_rater(session, rater).erased_at = AT
    session.flush()
    bury(session, rater, secret="x")
    with pytest.raises(DBAPIError, match="append-only"):
        session.execute(text(f"UPDATE ratings {change} WHERE rater_id = :rater"), {"rater": rater})


def test_nobody_is_buried_who_was_not_marked_as_erased(session: Session, rater: RaterId):
    with pytest.raises(DBAPIError, match="append-only"):
        bury(session, rater, secret="x")


def test_a_second_burial_finds_nothing(session: Session, rater: RaterId):
    lock_rater(session, rater).erased_at = AT
    session.flush()
    assert sum(bury(session, rater, secret="x").values()) == 4
    assert sum(bury(session, rater, secret="x").values()) == 0
