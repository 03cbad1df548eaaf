"""What of an earlier set comes back by a replay, and what does not."""

from collections.abc import Iterator
from itertools import islice

import pytest
from sqlalchemy.orm import Session

from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import TrainingSetRow
from services.feedback.questions import new_rater
from tests.builders import AT, add_answer, add_correction, add_items, add_review
from tests.services.training_sets.champions import SECOND, crown, first_night, going_on, say, sources
from tests.services.training_sets.conftest import Nights, Record
from tests.services.training_sets.test_clustering import item


@pytest.fixture
def persona(persona: PersonaRow) -> PersonaRow:
    return going_on(persona)


@pytest.fixture
def first(session: Session, nights: Nights, asked: Iterator[str]) -> TrainingSetRow:
    return first_night(session, nights, asked)


class TestWhatDoesNotComeBack:
    @pytest.fixture
    def everything(self, persona: PersonaRow) -> None:
        """So many rows are wanted that whatever may come back does."""
        persona.example_policy = persona.example_policy | {"replay_percent": 90}

    def second(self, session: Session, nights: Nights, asked: Iterator[str]) -> tuple[set[str], Record]:
        say(session, nights.persona, asked, 4, at=SECOND)
        training_set = nights.assemble(minutes=120)
        return sources(nights.rows(training_set)), training_set.report["replay"]

    @pytest.mark.usefixtures("everything")
    def test_all_of_it_comes_back_where_nothing_speaks_against_it(self, session, nights, first, asked):
        learnt, _ = self.second(session, nights, asked)
        assert learnt >= sources(nights.rows(first))

    @pytest.mark.usefixtures("everything")
    def test_a_prompt_that_judges_by_now(self, session, nights, first, asked):
        row = nights.rows(first)[0]
        question = row["messages"][1]["content"]
        asked_text = row.get("completion", row.get("chosen")).removeprefix("On ")
        assert asked_text in question
        add_items(session, nights.persona, [item(asked_text)], at=SECOND)
        learnt, replay = self.second(session, nights, asked)
        assert learnt.isdisjoint(row["sources"])
        assert sum(replay["passed_over"].values()) == 2  # its demonstration and its pair

    @pytest.mark.usefixtures("everything")
    def test_the_words_of_a_rater_who_is_excluded_by_now(self, session, nights, persona, asked):
        rater = new_rater(session, at=AT)
        theirs = add_correction(
            session, add_answer(session, persona, question=next(asked)), "Bad.", rater=rater
        )
        others = say(session, persona, asked, 8)
        crown(session, nights.assemble())
        add_review(session, rater, "excluded", at=SECOND)
        learnt, replay = self.second(session, nights, asked)
        assert theirs not in learnt
        assert learnt >= set(others)
        assert replay["passed_over"] == {"a rater under review": 2}

    @pytest.mark.usefixtures("everything")
    def test_what_is_heard_anew(self, session, nights, persona, asked):
        answer = add_answer(session, persona, question=next(asked))
        old = add_correction(session, answer, "Old.")
        say(session, persona, asked, 8)
        crown(session, nights.assemble())
        add_correction(session, answer, "New.", at=SECOND)
        learnt, replay = self.second(session, nights, asked)
        assert old in learnt  # as the pair that it still is, beside the newer one
        assert replay["passed_over"] == {"what was said of the prompt is heard anew": 2}


def test_nobody_carries_more_than_their_share_by_way_of_a_replay(
    session: Session, nights: Nights, persona: PersonaRow, asked: Iterator[str]
):
    """Two raters may carry all of a set; among twenty the same two may carry a tenth each."""
    persona.example_policy = persona.example_policy | {"replay_percent": 90}
    loud, other = (new_rater(session, at=AT) for _ in range(2))
    for number, one in enumerate(islice(asked, 20)):
        answer = add_answer(session, persona, question=one)
        add_correction(session, answer, f"On {one}", rater=(loud, other)[number % 2])
    crown(session, nights.assemble())
    say(session, persona, asked, 18, at=SECOND)
    training_set = nights.assemble(minutes=120)
    assert training_set.report["replay"]["rows"] == 2 * 2 * 2  # of each two, demonstrations and pairs
    assert "rows short of" in training_set.report["replay"]["short"]


@pytest.mark.usefixtures("first")
def test_a_replay_that_is_short_says_so(
    session: Session, nights: Nights, persona: PersonaRow, asked: Iterator[str]
):
    say(session, persona, asked, 20, at=SECOND)
    replay = nights.assemble(minutes=120).report["replay"]
    assert (replay["wanted"], replay["rows"]) == (40, 16)
    assert replay["short"] == "24 rows short of the 40 wanted"
    assert replay["percent"] == 28.6
