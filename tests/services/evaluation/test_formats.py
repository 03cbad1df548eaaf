"""Judging answers in a format: accuracy, token F1, validity, each language apart; asked as served."""

import pytest

from services.domain.answer_formats import AnswerFormat, AnswerRules
from services.domain.conversation import Question, in_language, language_of
from services.domain.evaluation import Item, ItemSource
from services.domain.personas import Persona, PersonaSlug, default_generation
from services.evaluation.asking import ask_all
from services.evaluation.metrics.overlap import token_f1
from services.evaluation.reports import settings_digest
from services.evaluation.scoring import ItemScore, score
from services.evaluation.summaries import summarise
from tests.fakes import FACTS, FakeGenerator

MCQ = AnswerRules(AnswerFormat.MCQ)
QUIZ = Persona(PersonaSlug("quiz"), "Quiz", answers=MCQ, generation=default_generation(MCQ))


def item(*, key: str = "B", reference: str = "B", audience: str = "student") -> Item:
    question = Question("Which?\nA. Rome\nB. Paris", "geography", audience)
    return Item(f"{key} {audience}", ItemSource.BANK, question, reference, key)


def scored(answer: str, rules: AnswerRules, asked: Item) -> ItemScore:
    return score(asked, answer, seed=1, markers=(), log_probabilities=(), rules=rules)


@pytest.mark.parametrize(
    ("answer", "reference", "overlap"),
    [
        ("The Eiffel Tower.", "eiffel tower", 1.0),
        ("the big Eiffel tower", "Eiffel Tower", 0.8),
        ("cat cat", "cat", 2 / 3),
        ("nothing", "Eiffel Tower", 0.0),
        ("", "Eiffel Tower", 0.0),
        ("the", "a", 1.0),
        ("U.S.A.", "USA", 1.0),
    ],
)
def test_token_f1_is_squads(answer: str, reference: str, overlap: float):
    assert token_f1(answer, reference) == pytest.approx(overlap)


@pytest.mark.parametrize(
    ("answer", "right", "valid"),
    [("B", 1, 1), ("(b) Paris", 1, 1), ("A", 0, 1), ("D", 0, 0), ("x y", 0, 0)],
)
def test_multiple_choice_is_right_by_its_letter(answer: str, right: float, valid: float):
    found = scored(answer, MCQ, item())
    assert (found.accuracy, found.format_validity) == (right, valid)


def test_the_letter_of_a_held_out_reference_is_the_key_and_other_forms_have_no_accuracy():
    assert scored("B", MCQ, item(key="", reference="B")).accuracy == 1
    assert scored("B", MCQ, item(key="", reference="Paris")).accuracy is None
    free = scored("B", AnswerRules(), item())
    assert (free.accuracy, free.format_validity, free.token_f1) == (None, None, 1)


def test_validity_is_measured_without_validation_too():
    raw = AnswerRules(word_limit=1, validation=False)
    assert scored("two words", raw, item()).format_validity == 0


def test_each_language_is_a_slice():
    german = item(audience=in_language("general reader", "german"))
    metrics = summarise([scored("B", MCQ, german), scored("A", MCQ, item())])
    means = {metric.slice: metric for metric in metrics if metric.name == "accuracy"}
    assert (means["language:german"].value, means["language:german"].items) == (1, 1)
    assert means["overall"].value == 0.5
    assert [name for name in means if name.startswith("language:")] == ["language:german"]


@pytest.mark.parametrize(
    ("audience", "language"),
    [
        ("student", ""),
        ("student (de)", "de"),
        ("reader (of old books) (German)", "German"),
        ("reader (pt-BR)", "pt-BR"),
        ("student (age 7)", ""),
        ("(de)", ""),
    ],
)
def test_the_language_of_an_audience_is_what_was_added_to_it(audience: str, language: str):
    assert language_of(audience) == language


def test_an_item_is_asked_as_people_are_again_where_the_answer_lacks_its_form():
    generator = FakeGenerator(texts=["Paris", "B."])
    [found] = ask_all(generator, model="quiz@1", persona=QUIZ, items=[item()], sleep=lambda _: None)
    assert (found.answer, found.attempts, found.accuracy) == ("B.", 2, 1)
    assert found.seed == generator.requests[-1].seed != generator.requests[0].seed
    assert "letter of the right option" in generator.requests[0].messages[0].content


def test_reports_of_other_rules_are_not_compared_and_those_of_free_text_stay_as_they_were():
    free = Persona(PersonaSlug("quiz"), "Quiz")
    digests = {
        settings_digest(Persona(PersonaSlug("quiz"), "Quiz", answers=rules), FACTS)
        for rules in (AnswerRules(), AnswerRules(word_limit=9), AnswerRules(stop=("x",)), MCQ)
    }
    assert len(digests) == 4
    known = "a691802ae12127a7490e46c418087f214ef56444c55e00242f00e523068b6821"
    assert settings_digest(free, FACTS) == known
