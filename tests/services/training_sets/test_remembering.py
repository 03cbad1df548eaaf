"""What a set that goes on from another remembers of raters: flags, tests, what a daily limit took."""

import random
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import TrainingSetRow
from services.domain.feedback import RaterId
from services.feedback.questions import new_rater
from tests.builders import AT, add_answer, add_rating, add_review
from tests.services.training_sets.champions import SECOND, crown, say
from tests.services.training_sets.conftest import Nights


@pytest.fixture
def persona(persona: PersonaRow) -> PersonaRow:
    persona.example_policy = persona.example_policy | {"start": "champion", "replay_percent": 50}
    return persona


class TestWhatIsRememberedOfRaters:
    @pytest.fixture
    def hostile(self, session: Session, nights: Nights, persona: PersonaRow, asked: Iterator[str]) -> RaterId:
        """The first night eight raters agree on sixty answers, and one turns every opinion round."""
        persona.example_policy = persona.example_policy | {"replay_percent": 0}
        chance = random.Random(5)  # noqa: S311
        crowd, hostile = [new_rater(session, at=AT) for _ in range(8)], new_rater(session, at=AT)
        for question in islice(asked, 60):
            answer, good = add_answer(session, persona, question=question), chance.random() < 0.5
            for rater in crowd:
                add_rating(session, answer, stars=5 if good else 1, rater=rater)
            add_rating(session, answer, stars=1 if good else 5, rater=hostile)
        crown(session, nights.assemble())
        return hostile

    def judge_anew(self, session: Session, nights: Nights, asked: Iterator[str], rater: RaterId) -> str:
        """What the rater says next, of an answer another one finds poor."""
        answer = add_answer(session, nights.persona, question=next(asked), at=SECOND)
        add_rating(session, answer, stars=1, at=SECOND)
        said = add_rating(session, answer, stars=5, rater=rater, at=SECOND)
        say(session, nights.persona, asked, 4, at=SECOND)
        return said

    def test_who_was_flagged_stays_so_with_one_more_opinion(self, session, nights, asked, hostile):
        said = self.judge_anew(session, nights, asked, hostile)
        second = nights.assemble(minutes=120)
        assert nights.excluded(second)[said] == {"a rater under review"}
        assert second.report["raters"]["left_out"] == {str(hostile): "a rater under review"}
        crown(session, second, minutes=121, number=2)
        later = add_answer(session, nights.persona, question=next(asked), at=AT + timedelta(minutes=150))
        again = add_rating(session, later, rater=hostile, at=AT + timedelta(minutes=150))
        say(session, nights.persona, asked, 2, at=AT + timedelta(minutes=150))
        assert nights.excluded(nights.assemble(minutes=180))[again] == {"a rater under review"}

    def test_until_a_person_trusts_them(self, session, nights, asked, hostile):
        add_review(session, hostile, "trusted", at=SECOND)
        said = self.judge_anew(session, nights, asked, hostile)
        assert nights.excluded(nights.assemble(minutes=120)).get(said) != {"a rater under review"}

    def test_a_set_of_a_release_that_kept_nothing_is_no_start(self, session, nights, asked, hostile):
        champion = session.scalars(select(TrainingSetRow)).one()
        champion.report = {name: value for name, value in champion.report.items() if name != "memory"}
        self.judge_anew(session, nights, asked, hostile)
        second = nights.assemble(minutes=120)
        assert second.plan["start"] is None
        assert "keeps nothing of its raters" in second.plan["reasons"][0]


def test_opinions_a_daily_limit_took_stay_taken(
    session: Session, nights: Nights, persona: PersonaRow, asked: Iterator[str]
):
    persona.example_policy = persona.example_policy | {"replay_percent": 0, "daily_limit": 2}
    busy = new_rater(session, at=AT)
    answers = [add_answer(session, persona, question=one) for one in islice(asked, 4)]
    first, second, third = (add_rating(session, answer, rater=busy) for answer in answers[:3])
    say(session, persona, asked, 4)
    crown(session, nights.assemble())
    add_rating(session, answers[2], at=SECOND)  # of the one that was not counted somebody else speaks
    fourth = add_rating(session, answers[3], rater=busy, at=SECOND)  # on the same day
    say(session, persona, asked, 2, at=SECOND)
    excluded = nights.excluded(nights.assemble(minutes=120))
    used_up = {"the rater's opinions of that day are used up"}
    assert (excluded[third], excluded[fourth]) == (used_up, used_up)
    assert first not in excluded
    assert second not in excluded
