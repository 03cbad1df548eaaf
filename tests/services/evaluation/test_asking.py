from dataclasses import dataclass, field

from services.domain.conversation import Question
from services.domain.evaluation import Item, ItemSource
from services.domain.personas import Persona, PersonaSlug
from services.errors import InferenceBusy
from services.evaluation.asking import ask_all, item_seed
from services.language_model.asking import Generated, GenerationRequest
from tests.fakes import FakeGenerator

PIRATE = Persona(PersonaSlug("pirate"), "Pirate")


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

    def generate(self, request: GenerationRequest) -> Generated:
        if request.seed not in self.refused:
            self.refused.add(request.seed)
            raise InferenceBusy
        return super().generate(request)


def test_every_item_is_asked_with_the_personas_settings_and_its_own_seed():
    generator = FakeGenerator(text="Because.")
    asked = items(9)
    scores = ask_all(generator, model="pirate@0123", persona=PIRATE, items=asked, wait=lambda: None)
    assert [scored.item for scored in scores] == asked
    assert {request.model for request in generator.requests} == {"pirate@0123"}
    assert {request.settings for request in generator.requests} == {PIRATE.generation}
    assert {request.seed for request in generator.requests} == {item_seed(item) for item in asked}


def test_the_loss_of_references_is_asked_for_held_out_items_only():
    scores = ask_all(FakeGenerator(), model="base", persona=PIRATE, items=items(4), wait=lambda: None)
    assert [scored.loss for scored in scores] == [None, 1.0, None, 1.0]
    assert [scored.loss_tokens for scored in scores] == [0, 3, 0, 3]


def test_a_full_queue_is_waited_for():
    waits: list[None] = []
    scores = ask_all(
        BusyGenerator(), model="base", persona=PIRATE, items=items(5), wait=lambda: waits.append(None)
    )
    assert len(scores) == 5
    assert len(waits) == 5
