from dataclasses import replace

import pytest

from services.domain.answer_formats import AnswerFormat, AnswerRules
from services.domain.conversation import Question
from services.domain.personas import GenerationSettings, Persona, PersonaSlug, default_generation
from services.errors.outages import InferenceBusy
from services.language_model.asking import Generated, GenerationRequest, Hearing
from services.language_model.asking_in_format import RETRY_TEMPERATURE, InFormat, ask_in_format
from tests.fakes import FakeGenerator

WHICH = Question("Which?\nA. Rome\nB. Paris", "geography", "student")
MCQ = AnswerRules(AnswerFormat.MCQ, stop=("\n",))


class GetsBusy(FakeGenerator):
    """Refuses once it has said its texts."""

    def generate(self, request: GenerationRequest, heard: Hearing | None = None) -> Generated:
        if not self.texts:
            raise InferenceBusy
        return super().generate(request, heard)


def ask(generator: FakeGenerator, rules: AnswerRules, **settings: object) -> InFormat:
    generation = replace(default_generation(rules), **settings)
    persona = Persona(PersonaSlug("quiz"), "Quiz", answers=rules, generation=generation)
    return ask_in_format(generator.generate, persona, WHICH, model="quiz@1", seed=7)


def test_an_answer_that_has_the_form_is_the_only_one_asked_for():
    generator = FakeGenerator(text="B")
    given = ask(generator, MCQ)
    assert (given.generated.text, given.attempts, given.valid) == ("B", 1, True)
    assert generator.requests == [given.request]
    assert given.request.stop == ("\n",)
    assert "letter" in given.request.messages[0].content


def test_one_that_has_not_is_asked_for_again_with_other_seeds_and_by_chance():
    generator = FakeGenerator(texts=["Paris", "Rome", "B. Paris"])
    given = ask(generator, MCQ)
    assert (given.generated.text, given.attempts, given.valid) == ("B. Paris", 3, True)
    assert len({request.seed for request in generator.requests}) == 3
    assert [request.settings.do_sample for request in generator.requests] == [False, True, True]
    assert given.request == generator.requests[-1]
    assert given.request.settings.temperature == RETRY_TEMPERATURE


def test_the_same_ask_is_asked_again_in_the_same_way():
    first, second = FakeGenerator(text="Paris"), FakeGenerator(text="Paris")
    ask(first, MCQ), ask(second, MCQ)
    assert first.requests == second.requests


def test_settings_that_draw_by_chance_already_stay_as_they_are():
    generator = FakeGenerator(text="one two three")
    ask(generator, AnswerRules(word_limit=2), temperature=1.3)
    assert {request.settings.temperature for request in generator.requests} == {1.3}


def test_the_last_of_all_attempts_is_what_is_shown():
    generator = FakeGenerator(texts=["one", "two", "three", "four"])
    given = ask(generator, MCQ)
    assert (given.generated.text, given.attempts, given.valid) == ("three", 3, False)


@pytest.mark.parametrize(
    ("switched_off", "attempts", "valid"),
    [({"max_retries": 0}, 1, False), ({"max_retries": 5}, 6, False), ({"validation": False}, 1, None)],
)
def test_retries_and_validation_can_be_switched_off(switched_off, attempts, valid):
    given = ask(FakeGenerator(text="Paris"), replace(MCQ, **switched_off))
    assert (given.attempts, given.valid) == (attempts, valid)


def test_free_text_is_taken_as_it_comes():
    given = ask(FakeGenerator(text=""), AnswerRules())
    assert (given.attempts, given.valid, given.request.settings) == (1, None, GenerationSettings())


def test_a_failure_of_an_attempt_is_the_askers():
    with pytest.raises(InferenceBusy):
        ask(FakeGenerator(problem=InferenceBusy()), MCQ)


def test_a_failure_of_a_retry_is_too_unless_they_are_content_with_the_answer_before_it():
    """An evaluation is not: its scores would depend on how busy the server was."""
    with pytest.raises(InferenceBusy):
        ask(GetsBusy(texts=["one"]), MCQ)
    generator = GetsBusy(texts=["one", "two"])
    persona = Persona(PersonaSlug("quiz"), "Quiz", answers=MCQ, generation=default_generation(MCQ))
    given = ask_in_format(
        generator.generate, persona, WHICH, model="quiz@1", seed=7, content_at=(InferenceBusy,)
    )
    assert (given.generated.text, given.attempts, given.valid) == ("two", 2, False)
    assert given.request == generator.requests[1]
