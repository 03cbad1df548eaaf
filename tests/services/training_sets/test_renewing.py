"""Replayed rows and those that waited are tonight's: its prompt, its format, its length."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import islice

import pytest
from sqlalchemy.orm import Session

from services.db.feedback_tables import AnswerRow, ComparisonRow, PersonaRow
from services.db.lineage_tables import TrainingSetRow
from services.db.prompt_tables import PromptRetirementRow
from services.domain.answer_formats import AnswerRules
from services.feedback.questions import new_rater
from tests.builders import AT, add_answer, add_comparison, add_correction, add_rating, add_review
from tests.services.training_sets.champions import SECOND, crown, say, sources
from tests.services.training_sets.conftest import Nights

LONG = "word " * 30


@pytest.fixture
def persona(persona: PersonaRow) -> PersonaRow:
    persona.example_policy = persona.example_policy | {"start": "champion", "replay_percent": 90}
    return persona


@pytest.fixture
def first(session: Session, nights: Nights, persona: PersonaRow, asked: Iterator[str]) -> TrainingSetRow:
    """A set of four short corrections and a long one, which makes a row of two kinds; it serves."""
    say(session, persona, asked, 4)
    add_correction(session, add_answer(session, persona, question=next(asked)), LONG)
    training_set = nights.assemble()
    crown(session, training_set)
    return training_set


def second(session: Session, nights: Nights, asked: Iterator[str], **conditions: object) -> TrainingSetRow:
    say(session, nights.persona, asked, 4, at=SECOND)
    return nights.assemble(minutes=120, **conditions)


@pytest.mark.usefixtures("first")
def test_what_is_too_long_for_tonight_is_not_replayed(session, nights, asked):
    training_set = second(session, nights, asked, max_tokens=20)
    replay = training_set.report["replay"]
    assert (replay["rows"], replay["passed_over"]) == (8, {"longer than the context": 2})
    assert LONG.strip() not in str(nights.rows(training_set))


def test_replayed_rows_say_the_prompt_of_tonight(session, nights, asked, first):
    nights.persona.system_template = "Speak of {domain} to a {audience}."
    training_set = second(session, nights, asked)
    rows = nights.rows(training_set)
    assert training_set.report["replay"]["rows"] == 10
    assert {row["messages"][0]["content"] for row in rows} == {"Speak of physics to a student."}
    earlier = {row["prompt_key"]: row["messages"][1] for row in nights.rows(first)}
    assert earlier.items() <= {row["prompt_key"]: row["messages"][1] for row in rows}.items()


def test_what_waited_says_it_too(session, nights, asked, persona):
    persona.example_policy = persona.example_policy | {"minimum_pairs": 2, "replay_percent": 0}
    question = next(asked)
    one, other = (add_answer(session, persona, question=question, text=text) for text in "AB")
    waits = add_comparison(session, one, other)
    persona.example_policy = persona.example_policy | {"minimum_pairs": 9}
    say(session, persona, asked, 4)
    crown(session, nights.assemble())
    persona.example_policy = persona.example_policy | {"minimum_pairs": 2}
    persona.system_template = "Speak of {domain} to a {audience}."
    rows = [row for row in nights.rows(second(session, nights, asked)) if waits in row["sources"]]
    assert [row["messages"][0]["content"] for row in rows] == ["Speak of physics to a student."]


class TestWaiting:
    """A long pair waits for company from the first night on."""

    @pytest.fixture
    def waits(self, session: Session, nights: Nights, persona: PersonaRow, asked: Iterator[str]) -> str:
        persona.example_policy = persona.example_policy | {"minimum_pairs": 9, "replay_percent": 0}
        question, rater = next(asked), new_rater(session, at=AT)
        texts = (LONG, f"{LONG} again")
        one, other = (add_answer(session, persona, question=question, text=text) for text in texts)
        compared = add_comparison(session, one, other, rater=rater)
        say(session, persona, asked, 4)
        crown(session, nights.assemble())
        persona.example_policy = persona.example_policy | {"minimum_pairs": 1}
        return compared

    def goes_on_waiting(
        self, session: Session, nights: Nights, asked: Iterator[str], waits: str, **conditions: object
    ) -> set[str]:
        """Why it was left out of a second night; a third one, as the first was, learns it."""
        training_set = second(session, nights, asked, **conditions)
        reasons = nights.excluded(training_set)[waits]
        assert training_set.dropped[next(iter(reasons))] == 1
        crown(session, training_set, minutes=121, number=2)
        nights.persona.answer_rules = AnswerRules().as_record()
        say(session, nights.persona, asked, 4, at=AT + timedelta(minutes=150))
        assert waits in sources(nights.rows(nights.assemble(minutes=180)))
        return reasons

    def test_what_is_too_long_tonight_waits_on(self, session, nights, asked, waits):
        reasons = self.goes_on_waiting(session, nights, asked, waits, max_tokens=20)
        assert reasons == {"longer than the context"}

    def test_and_so_does_what_has_not_the_format(self, session, nights, asked, waits):
        nights.persona.answer_rules = AnswerRules(word_limit=10).as_record()
        reasons = self.goes_on_waiting(session, nights, asked, waits)
        assert reasons == {"not in the format that the persona answers in"}

    def test_what_a_person_put_aside_since_is_left_out_and_told(self, session, nights, asked, waits):
        rater = session.get_one(ComparisonRow, int(waits.partition(":")[2])).rater_id
        add_review(session, rater, "excluded", at=SECOND)
        training_set = second(session, nights, asked)
        assert nights.excluded(training_set)[waits] == {"a rater under review"}
        assert training_set.dropped == {"a rater under review": 1}

    def test_and_so_is_one_whose_prompt_is_held_back(self, session, nights, asked, waits):
        compared = session.get_one(ComparisonRow, int(waits.partition(":")[2]))
        key = session.get_one(AnswerRow, compared.left_answer_id).question.split_key
        retired = {"split_key": key, "reason": "test", "at": SECOND}
        session.add(PromptRetirementRow(persona_id=nights.persona.id, **retired))
        session.flush()
        held = {"too like both a held-out and a training prompt"}
        assert nights.excluded(second(session, nights, asked))[waits] == held


@pytest.mark.usefixtures("first")
def test_what_has_not_the_format_of_tonight_is_not_replayed(session, nights, asked):
    nights.persona.answer_rules = AnswerRules(word_limit=10).as_record()
    replay = second(session, nights, asked).report["replay"]
    assert replay["passed_over"] == {"not in the format that the persona answers in": 2}
    assert replay["rows"] == 8


def test_a_row_under_the_same_prompt_comes_back_byte_for_byte(session, nights, asked, first):
    rows = nights.rows(second(session, nights, asked))
    replayed = [row for row in rows if sources([row]) <= sources(nights.rows(first))]
    assert sorted(replayed, key=str) == sorted(nights.rows(first), key=str)


class TestThirdNight:
    """Prompts have several pairs; the second night replays a few of those under a template of its own."""

    @pytest.fixture
    def pairs(self, session: Session, nights: Nights, persona: PersonaRow, asked: Iterator[str]) -> set[str]:
        persona.example_policy = persona.example_policy | {"objectives": ["dpo"], "replay_percent": 20}
        compared = set()
        for question in islice(asked, 4):
            texts = ("One.", "Two.", "Six.", "Ten.")
            best, *others = (add_answer(session, persona, question=question, text=text) for text in texts)
            compared |= {add_comparison(session, best, other) for other in others}
        crown(session, nights.assemble())
        return compared

    def third(self, session: Session, nights: Nights, asked: Iterator[str]) -> TrainingSetRow:
        nights.persona.example_policy = nights.persona.example_policy | {"replay_percent": 90}
        say(session, nights.persona, asked, 4, at=AT + timedelta(minutes=150))
        return nights.assemble(minutes=180)

    def test_what_was_replayed_under_another_prompt_overtakes_no_other_pair(
        self, session, nights, asked, pairs
    ):
        nights.persona.system_template = "Speak of {domain} to a {audience}."
        again = second(session, nights, asked)
        assert len(sources(nights.rows(again)) & pairs) == 1
        crown(session, again, minutes=121, number=2)
        training_set = self.third(session, nights, asked)
        came_from = [source for row in nights.rows(training_set) for source in row["sources"]]
        assert sorted(set(came_from) & pairs) == sorted(pairs)
        assert len(came_from) == len(set(came_from))  # each once, whichever set it is drawn from
        assert training_set.report["replay"]["passed_over"] == {}

    def test_what_a_later_night_made_the_same_again_comes_back_as_its_row(
        self, session, nights, asked, pairs
    ):
        """A word that made nothing was said of a prompt: what the second night decided of it holds."""
        compared = session.get_one(ComparisonRow, int(min(pairs).partition(":")[2]))
        add_rating(session, session.get_one(AnswerRow, compared.left_answer_id), stars=3, at=SECOND)
        again = second(session, nights, asked)
        assert len(sources(nights.rows(again)) & pairs) >= 3
        crown(session, again, minutes=121, number=2)
        assert sources(nights.rows(self.third(session, nights, asked))) >= pairs
