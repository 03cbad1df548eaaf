import math
from dataclasses import dataclass, field

import pytest

from services.domain.conversation import Message, Question
from services.domain.evaluation import Item, ItemSource
from services.domain.personas import Persona, PersonaSlug
from services.errors.outages import InferenceBusy, InferenceUnavailable
from services.evaluation.asking import PATIENCE_SECONDS, SECONDS_BETWEEN_TRIES, ask_all, item_seed
from services.evaluation.scoring import ChoiceScore, PairScore
from services.language_model.asking import Generated, GenerationRequest, Hearing
from tests.fakes import FakeGenerator

PIRATE = Persona(PersonaSlug("pirate"), "Pirate")


def no_sleep(_: float) -> None:
    pass


def items(number: int) -> list[Item]:
    return [
        Item(
            key=f"key {index}",
            source=ItemSource.HOLDOUT if index % 2 else ItemSource.BANK,
            question=Question(f"Question {index}?", "physics", "student"),
            reference="a b c",
            answer_key="",
        )
        for index in range(number)
    ]


@dataclass
class BusyGenerator(FakeGenerator):
    """Refuses every request once before it answers."""

    refused: set[int] = field(default_factory=set)

    def generate(self, request: GenerationRequest, heard: Hearing | None = None) -> Generated:
        if request.seed not in self.refused:
            self.refused.add(request.seed)
            raise InferenceBusy
        return super().generate(request, heard)


def test_every_item_is_asked_with_the_personas_settings_and_its_own_seed():
    generator = FakeGenerator(text="Because.")
    asked = items(9)
    scores = ask_all(generator, model="pirate@0123", persona=PIRATE, items=asked, sleep=no_sleep)
    assert [scored.item for scored in scores] == asked
    assert {request.model for request in generator.requests} == {"pirate@0123"}
    assert {request.settings for request in generator.requests} == {PIRATE.generation}
    assert {request.seed for request in generator.requests} == {item_seed(item) for item in asked}


def test_the_loss_of_references_is_asked_for_held_out_items_only():
    scores = ask_all(FakeGenerator(), model="base", persona=PIRATE, items=items(4), sleep=no_sleep)
    assert [scored.loss for scored in scores] == [None, 1.0, None, 1.0]
    assert [scored.loss_tokens for scored in scores] == [0, 3, 0, 3]


def test_a_full_queue_is_waited_for():
    slept: list[float] = []
    scores = ask_all(BusyGenerator(), model="base", persona=PIRATE, items=items(5), sleep=slept.append)
    assert len(scores) == 5
    assert slept == [SECONDS_BETWEEN_TRIES] * 5


def test_a_queue_that_stays_full_is_not_waited_for_for_ever():
    slept: list[float] = []
    generator = FakeGenerator(problem=InferenceBusy())
    with pytest.raises(InferenceBusy):
        ask_all(generator, model="base", persona=PIRATE, items=items(1), sleep=slept.append)
    assert sum(slept) == PATIENCE_SECONDS


def test_a_server_that_does_not_answer_is_told_at_once():
    generator = FakeGenerator(problem=InferenceUnavailable("http://127.0.0.1:1"))
    with pytest.raises(InferenceUnavailable):
        ask_all(generator, model="base", persona=PIRATE, items=items(1), sleep=no_sleep)
    assert len(generator.requests) == 1


PAIR = Item("pair", ItemSource.PAIR, Question("Why?", "physics", "student"), "Light scatters.", "", "Paint.")


@dataclass
class OpinionatedGenerator(FakeGenerator):
    """Log-probability of a whole text by model and text; notes what it was asked."""

    opinions: dict[tuple[str, str], float] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def log_probabilities(
        self, model: str, messages: tuple[Message, ...], completion: str
    ) -> tuple[float, ...]:
        self.asked.append((model, completion))
        return (*super().log_probabilities(model, messages, completion), self.opinions[model, completion])


@pytest.mark.parametrize(
    ("better", "worse", "margin", "preferred"),
    [
        (-5.0, -9.0, 3.0, 1.0),
        (-9.0, -5.0, -5.0, 0.0),
        (-8.0, -9.0, 0.0, 0.5),  # as far above the worse one as under the base
        (-math.inf, -9.0, None, None),
        (math.nan, -9.0, None, None),
    ],
)
def test_what_a_version_prefers_is_what_it_raised_above_the_base(
    better: float, worse: float, margin: float | None, preferred: float | None
):
    opinions = {
        ("pirate@0123", PAIR.reference): better,
        ("pirate@0123", PAIR.rejected): worse,
        ("base", PAIR.reference): -6.0,
        ("base", PAIR.rejected): -7.0,
    }
    generator = OpinionatedGenerator(opinions=opinions)
    scores = ask_all(generator, model="pirate@0123", persona=PIRATE, items=[PAIR], sleep=no_sleep)
    assert scores == [PairScore(PAIR, margin, preferred)]
    assert sorted(generator.asked) == sorted(opinions)
    assert generator.requests == []


def test_the_base_prefers_neither_and_need_not_be_asked():
    generator = OpinionatedGenerator()
    scores = ask_all(generator, model="base", persona=PIRATE, items=[PAIR], sleep=no_sleep)
    assert scores == [PairScore(PAIR, 0.0, 0.5)]
    assert generator.asked == []


def choice(source: ItemSource, better: str, worse: str) -> Item:
    return Item(f"{source}/physics/001", source, Question("Why?", "physics", "student"), better, "", worse)


@pytest.mark.parametrize("source", [ItemSource.GENERAL, ItemSource.SAFETY])
@pytest.mark.parametrize("model", ["pirate@0123", "base"])
def test_what_every_persona_is_asked_is_put_to_the_version_alone(source: ItemSource, model: str):
    """Its own preference, by character: here the better answer is less likely only because it is longer."""
    item = choice(source, "Light scatters in the air.", "Paint.")
    generator = OpinionatedGenerator(opinions={(model, item.reference): -8.0, (model, item.rejected): -5.0})
    scores = ask_all(generator, model=model, persona=PIRATE, items=[item], sleep=no_sleep)
    assert scores == [ChoiceScore(item, -13 / 26, -6 / 6, 1.0)]  # the fake counts -1 for each word
    assert sorted(generator.asked) == sorted(generator.opinions)
    assert generator.requests == []


def test_what_every_persona_is_asked_waits_for_a_full_queue():
    @dataclass
    class Busy(OpinionatedGenerator):
        def log_probabilities(self, model: str, messages: tuple[Message, ...], completion: str):
            if (model, completion) not in self.asked:
                self.asked.append((model, completion))
                raise InferenceBusy
            return super().log_probabilities(model, messages, completion)

    item = choice(ItemSource.GENERAL, "Light.", "Paint.")
    generator = Busy(opinions={("base", "Light."): -1.0, ("base", "Paint."): -1.0})
    slept: list[float] = []
    (scored,) = ask_all(generator, model="base", persona=PIRATE, items=[item], sleep=slept.append)
    assert isinstance(scored, ChoiceScore)
    assert scored.preferred == 0.5
    assert slept == [SECONDS_BETWEEN_TRIES] * 2
