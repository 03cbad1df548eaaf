"""What a set that goes on keeps of earlier ones: references and rows stay until something replaces them."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import islice

import pytest
from sqlalchemy.orm import Session

from services.db.feedback_tables import AnswerRow, PersonaRow
from services.domain.feedback import Reason
from services.domain.splits import Split
from services.feedback.questions import new_rater
from tests.builders import (
    AT,
    add_answer,
    add_comparison,
    add_correction,
    add_rating,
    add_review,
    add_seed,
)
from tests.services.training_sets.conftest import Nights
from tests.services.training_sets.test_going_on import SECOND, crown, say, sources

Questions = Callable[[Split], Iterator[str]]


@pytest.fixture
def persona(persona: PersonaRow) -> PersonaRow:
    persona.example_policy = persona.example_policy | {"start": "champion", "replay_percent": 90}
    return persona


@pytest.fixture
def asked(questions: Questions) -> Iterator[str]:
    return questions(Split.TRAIN)


class TestReferences:
    @pytest.fixture
    def answers(
        self, session: Session, nights: Nights, questions: Questions, asked: Iterator[str]
    ) -> list[AnswerRow]:
        """Answers to held-out prompts that were corrected before a version that serves was trained."""
        answers = [
            add_answer(session, nights.persona, question=one) for one in islice(questions(Split.HOLDOUT), 4)
        ]
        for number, answer in enumerate(answers):
            add_correction(session, answer, f"Old {number},\u2028of\u2029three\u0085lines.")
        say(session, nights.persona, asked, 4)
        crown(session, nights.assemble())
        return answers

    def kept(self, session: Session, nights: Nights, asked: Iterator[str]) -> list[str]:
        say(session, nights.persona, asked, 2, at=SECOND)
        references = nights.references(nights.assemble(minutes=120))
        return sorted(one["reference"].partition(",")[0] for one in references)

    @pytest.mark.usefixtures("answers")
    def test_lines_of_other_alphabets_within_a_text_are_no_lines_of_the_file(self, session, nights, asked):
        assert self.kept(session, nights, asked) == ["Old 0", "Old 1", "Old 2", "Old 3"]

    def test_an_opinion_that_makes_no_reference_takes_none_away(self, session, nights, asked, answers):
        for answer in answers:
            add_rating(session, answer, stars=3, at=SECOND)
        assert self.kept(session, nights, asked) == ["Old 0", "Old 1", "Old 2", "Old 3"]

    def test_nor_does_a_rater_whose_word_does_not_count(self, session, nights, asked, answers):
        hostile = new_rater(session, at=AT)
        add_review(session, hostile, "excluded", at=SECOND)
        add_correction(session, answers[0], "New, and bad.", rater=hostile, at=SECOND)
        assert self.kept(session, nights, asked) == ["Old 0", "Old 1", "Old 2", "Old 3"]

    def test_a_pair_to_judge_by_is_no_replacement_of_a_text_to_judge_by(
        self, session, nights, asked, answers
    ):
        question = answers[0].question.text
        one, other = (add_answer(session, nights.persona, question=question, text=text) for text in "AB")
        add_comparison(session, one, other, "left", at=SECOND)
        assert self.kept(session, nights, asked) == ["A", "Old 0", "Old 1", "Old 2", "Old 3"]


class TestRows:
    def night(self, session: Session, nights: Nights, asked: Iterator[str], minutes: int = 120) -> set[str]:
        say(session, nights.persona, asked, 8, at=AT + timedelta(minutes=minutes - 30))
        training_set = nights.assemble(minutes=minutes)
        crown(session, training_set, minutes=minutes + 1, number=minutes)
        return sources(nights.rows(training_set))

    def test_an_opinion_on_an_answer_takes_no_correction_of_it_away(self, session, nights, asked):
        answer = add_answer(session, nights.persona, question=next(asked))
        corrected = add_correction(session, answer, "Better.")
        self.night(session, nights, asked, 60)
        add_rating(session, answer, stars=3, at=SECOND)
        assert corrected in self.night(session, nights, asked)

    def test_nor_does_a_rater_whose_word_does_not_count(self, session, nights, asked):
        answer = add_answer(session, nights.persona, question=next(asked))
        corrected = add_correction(session, answer, "Better.")
        self.night(session, nights, asked, 60)
        hostile = new_rater(session, at=AT)
        add_review(session, hostile, "excluded", at=SECOND)
        against = add_correction(session, answer, "Worse.", rater=hostile, at=SECOND)
        learnt = self.night(session, nights, asked)
        assert corrected in learnt
        assert against not in learnt

    def test_newer_opinions_that_make_an_answer_no_model_take_it_away(self, session, nights, asked):
        question = next(asked)
        answer = add_answer(session, nights.persona, question=question, text="Wrong.")
        said = [add_rating(session, answer) for _ in range(2)]
        assert self.night(session, nights, asked, 60) >= set(said)
        again = add_answer(session, nights.persona, question=question, text="Wrong.", at=SECOND)
        add_rating(session, again, reasons=[Reason.WRONG_FACT], at=SECOND)
        assert self.night(session, nights, asked).isdisjoint(said)

    def test_words_that_their_rater_took_back_stay_away(self, session, nights, asked):
        rater, answer = new_rater(session, at=AT), add_answer(session, nights.persona, question=next(asked))
        corrected = add_correction(session, answer, "Better.", rater=rater)
        self.night(session, nights, asked, 60)
        add_correction(session, answer, answer.text, rater=rater, at=SECOND)  # which is no correction
        assert corrected not in self.night(session, nights, asked)

    def test_a_row_that_an_earlier_night_made_anew_does_not_come_back(self, session, nights, asked):
        answer = add_answer(session, nights.persona, question=next(asked))
        old = add_correction(session, answer, "Old.")
        self.night(session, nights, asked, 60)
        new = add_correction(session, answer, "New.", at=SECOND)
        self.night(session, nights, asked)
        learnt = self.night(session, nights, asked, 180)
        assert new in learnt
        assert old not in learnt

    def test_of_several_pairs_a_replayed_one_does_not_overtake_the_others(self, session, nights, asked):
        """The second night replays a part: what it leaves may come back on the third."""
        persona, pairs = nights.persona, []
        persona.example_policy = persona.example_policy | {"objectives": ["dpo"], "replay_percent": 10}
        for question in islice(asked, 2):
            answers = [
                add_answer(session, persona, question=question, text=text)
                for text in ("One.", "Two.", "Six.")
            ]
            pairs += [add_comparison(session, answers[0], other) for other in answers[1:]]
        self.night(session, nights, asked, 60)
        assert len(self.night(session, nights, asked) & set(pairs)) <= 1
        persona.example_policy = persona.example_policy | {"replay_percent": 90}
        assert self.night(session, nights, asked, 180) >= set(pairs)

    def test_seed_data_fills_up_where_replay_is_short_for_any_reason(self, session, nights, asked):
        """The seeds were left out of the first night; whoever made the second is excluded by the third."""
        persona, rater = nights.persona, new_rater(session, at=AT)
        persona.example_policy = persona.example_policy | {"objectives": ["dpo"]}
        seeds = {add_seed(session, persona, one, f"Seed of {one}") for one in islice(asked, 2)}
        self.night(session, nights, asked, 60)
        persona.example_policy = persona.example_policy | {"objectives": ["sft"], "replay_percent": 0}
        for one in islice(asked, 20):
            answer = add_answer(session, persona, question=one, at=SECOND)
            add_correction(session, answer, f"On {one}", rater=rater, at=SECOND)
        crown(session, nights.assemble(minutes=120), minutes=121, number=120)
        add_review(session, rater, "excluded", at=AT + timedelta(minutes=150))
        persona.example_policy = persona.example_policy | {"replay_percent": 20}
        assert self.night(session, nights, asked, 180) >= seeds
