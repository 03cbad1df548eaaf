"""What curators are told: days that are over are counted once, and each version by its own night."""

from datetime import date, timedelta

from sqlalchemy.orm import Session

from services.adapters.promotions import version_by_number
from services.domain.conversation import Question
from services.domain.evaluation import Item, ItemSource
from services.domain.promotions import BASE_VERSION
from services.jobs.curating import DAYS, courses_of, rated_days, versions_of
from tests.builders import AT, add_answer, add_persona, add_rating
from tests.lineage_builders import add_decision, add_report, add_version

ANOTHER = Item("key", ItemSource.BANK, Question("Of another night?", "music", "student"), "So.", "oslo")


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


def test_a_version_keeps_the_metrics_of_the_night_it_was_judged_in(session: Session):
    """It serves, and is asked again on the questions of the next night; so is the plain base."""
    persona = add_persona(session)
    base = version_by_number(session, persona, BASE_VERSION)
    first = add_version(session, persona)
    add_report(session, base, fact_hit=0.1)
    add_report(session, first, fact_hit=0.5)
    add_decision(session, first, verdict="PASS")
    for version, later in ((base, 0.2), (first, 0.3)):
        add_report(session, version, items=[ANOTHER], fact_hit=later)
    assert {line.number: line.metrics for line in versions_of(session, persona)} == {
        1: {"fact_hit": 0.5},
        0: {"fact_hit": 0.1},
    }
    (course,) = courses_of(session, persona)
    assert [(point.version, point.value) for point in course.points] == [(0, 0.1), (1, 0.5)]
