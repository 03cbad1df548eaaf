"""What curators are told: days that are over are counted once."""

from datetime import date, timedelta

from sqlalchemy.orm import Session

from services.jobs.curating import DAYS, rated_days
from tests.builders import AT, add_answer, add_persona, add_rating


def test_days_before_yesterday_are_counted_once_and_the_others_anew(session: Session):
    persona = add_persona(session)
    answer = add_answer(session, persona)
    other = add_answer(session, add_persona(session, slug="other"))
    kept: dict[tuple[int, date], int] = {}
    for before in (0, 1, 2, DAYS - 1, DAYS):
        add_rating(session, answer, at=AT - timedelta(days=before))
        add_rating(session, other, at=AT - timedelta(days=before))

    def told(*, later: int = 0) -> dict[int, int]:
        """Ratings by how many days before AT."""
        days = rated_days(session, persona, at=AT + timedelta(days=later), kept=kept)
        assert len(days) == DAYS
        return {(AT.date() - one.day).days: one.ratings for one in days if one.ratings}

    assert told() == {0: 1, 1: 1, 2: 1, DAYS - 1: 1}
    for before in (0, 1, 2):
        add_rating(session, answer, at=AT - timedelta(days=before))
    assert told() == {0: 2, 1: 2, 2: 1, DAYS - 1: 1}
    assert told(later=3) == {0: 2, 1: 2, 2: 1}
    add_rating(session, answer, at=AT)
    assert told(later=3) == {0: 2, 1: 2, 2: 1}
