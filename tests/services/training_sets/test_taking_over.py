"""What a set that goes on keeps of earlier ones: references and rows stay until something replaces them."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice

import pytest
from sqlalchemy.orm import Session

from services.db.feedback_tables import AnswerRow, PersonaRow
from services.db.lineage_tables import TrainingSetRow
from services.db.prompt_tables import PromptRetirementRow
from services.domain.conversation import Question
from services.domain.examples import DropReason
from services.domain.feedback import Reason
from services.domain.splits import Split, split_key
from services.feedback.questions import new_rater
from services.training_sets.replayable import held_back
from tests.builders import AT, add_answer, add_comparison, add_correction, add_rating, add_review, add_seed
from tests.services.training_sets.champions import SECOND, crown, say, sources
from tests.services.training_sets.conftest import Nights, Questions


@pytest.fixture
def persona(persona: PersonaRow) -> PersonaRow:
    persona.example_policy = persona.example_policy | {"start": "champion", "replay_percent": 90}
    return persona


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
        nights.persona.example_policy = nights.persona.example_policy | {"objectives": ["sft"]}
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

    def test_what_is_masked_in_seed_data_that_stays_away_is_not_counted(self, session, nights, asked):
        nights.persona.example_policy = nights.persona.example_policy | {
            "objectives": ["dpo"],
        }
        for one in islice(asked, 20):
            add_seed(session, nights.persona, one, "Write to bob@example.com.")
        self.night(session, nights, asked, 60)
        nights.persona.example_policy = nights.persona.example_policy | {
            "objectives": ["sft"],
            "replay_percent": 50,
        }
        say(session, nights.persona, asked, 4, at=SECOND)
        training_set = nights.assemble(minutes=120)
        written = str(nights.rows(training_set)).count("[e-mail]")
        assert training_set.report["masked"] == ({"e-mail": written} if written else {})


class TestWaiting:
    """Of what a night left out for lack of others a later one learns, once there are enough."""

    @pytest.fixture
    def persona(self, persona: PersonaRow) -> PersonaRow:
        persona.example_policy = persona.example_policy | {"minimum_pairs": 6, "replay_percent": 0}
        return persona

    def compare(self, session: Session, nights: Nights, asked: Iterator[str], at: datetime) -> set[str]:
        said = set()
        for one in islice(asked, 4):
            answers = [
                add_answer(session, nights.persona, question=one, text=text, at=at) for text in ("A.", "B.")
            ]
            said.add(add_comparison(session, *answers, at=at))
        return said

    def night(self, session: Session, nights: Nights, asked: Iterator[str], minutes: int) -> TrainingSetRow:
        """With a demonstration, so that there is a set."""
        add_seed(session, nights.persona, next(asked), "Seed.", at=AT + timedelta(minutes=minutes - 30))
        training_set = nights.assemble(minutes=minutes)
        crown(session, training_set, minutes=minutes + 1, number=minutes)
        return training_set

    def test_pairs_too_few_for_a_night_are_learnt_with_those_of_the_next(self, session, nights, asked):
        first = self.compare(session, nights, asked, AT)
        assert self.night(session, nights, asked, 60).plan["stages"] == ["sft"]
        second = self.compare(session, nights, asked, SECOND)
        night = self.night(session, nights, asked, 120)
        assert night.plan["stages"] == ["sft", "dpo"]
        rows = nights.rows(night)
        assert sources(rows) >= first | second
        assert [row["prompt_key"] for row in rows] == sorted(row["prompt_key"] for row in rows)
        assert set(nights.excluded(night)).isdisjoint(first | second)
        third = self.compare(session, nights, asked, AT + timedelta(minutes=150))
        waiting = nights.excluded(self.night(session, nights, asked, 180))
        assert set(waiting) == third

    def test_they_wait_for_as_many_nights_as_it_takes(self, session, nights, asked):
        first = self.compare(session, nights, asked, AT)
        self.night(session, nights, asked, 60)
        assert set(nights.excluded(self.night(session, nights, asked, 120))) == first
        second = self.compare(session, nights, asked, AT + timedelta(minutes=150))
        assert sources(nights.rows(self.night(session, nights, asked, 180))) >= first | second

    def test_what_was_overtaken_meanwhile_waits_no_more(self, session, nights, asked):
        question = next(asked)
        one, other = (add_answer(session, nights.persona, question=question, text=text) for text in "AB")
        old = add_comparison(session, one, other)
        first = self.compare(session, nights, asked, AT)
        self.night(session, nights, asked, 60)
        add_comparison(session, other, one, at=SECOND)
        second = self.compare(session, nights, asked, SECOND)
        learnt = sources(nights.rows(self.night(session, nights, asked, 120)))
        assert learnt >= first | second
        assert old not in learnt

    def test_words_of_a_rater_under_review_are_learnt_once_a_person_trusts_them(self, session, nights, asked):
        persona, rater = nights.persona, new_rater(session, at=AT)
        add_review(session, rater, "excluded", at=AT)
        corrected = add_correction(
            session, add_answer(session, persona, question=next(asked)), "Yes.", rater=rater
        )
        pair = (add_answer(session, persona, question="Why?", text=text) for text in "AB")
        compared = add_comparison(session, *pair, rater=rater)
        model = add_answer(session, persona, question=next(asked), text="Good.")
        rated = {add_rating(session, model, rater=rater), add_rating(session, model)}
        persona.example_policy = persona.example_policy | {"minimum_pairs": 1}
        self.night(session, nights, asked, 60)
        add_review(session, rater, "trusted", at=SECOND)
        assert sources(nights.rows(self.night(session, nights, asked, 120))) >= {corrected, compared, *rated}


def test_a_prompt_that_is_held_out_and_retired_is_in_quarantine(session, nights, questions):
    judging = next(questions(Split.HOLDOUT))
    add_answer(session, nights.persona, question=judging)
    key = split_key(Question(judging, "physics", "student"))
    session.add(PromptRetirementRow(persona_id=nights.persona.id, split_key=key, reason="test", at=AT))
    session.flush()
    assert held_back(session, nights.persona, cutoff=SECOND) == {key: DropReason.QUARANTINED}
