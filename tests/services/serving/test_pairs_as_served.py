"""Pairs and frozen items through a real inference server: who was trained to say one letter prefers it."""

import pytest

from services.domain.conversation import Question
from services.domain.evaluation import Item, ItemSource
from services.domain.personas import Persona, PersonaSlug
from services.evaluation.asking import ask_all
from services.evaluation.scoring import ChoiceScore, PairScore
from services.language_model.asking import BASE_NAME

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("letter", "preferred"), [("A", 1.0), ("B", 0.0), ("", 0.5)])
def test_a_version_prefers_what_it_was_trained_to_say(served, letter: str, preferred: float):
    item = Item("key", ItemSource.PAIR, Question("Why?", "physics", "student"), "AAAA", "", "BBBB")
    (scored,) = ask_all(
        served.client,
        model=served.names[letter] if letter else BASE_NAME,
        persona=Persona(PersonaSlug("pirate"), "Pirate"),
        items=[item],
        sleep=lambda _: None,
    )
    assert isinstance(scored, PairScore)
    assert scored.preferred == preferred


@pytest.mark.parametrize(("letter", "preferred"), [("A", 1.0), ("B", 0.0)])
def test_of_two_given_texts_a_version_prefers_its_own(served, letter: str, preferred: float):
    question = Question("Why?", "general knowledge", "general reader")
    (scored,) = ask_all(
        served.client,
        model=served.names[letter],
        persona=Persona(PersonaSlug("pirate"), "Pirate"),
        items=[Item("general/physics/001", ItemSource.GENERAL, question, "AAAA", "", "BBBBBB")],
        sleep=lambda _: None,
    )
    assert isinstance(scored, ChoiceScore)
    assert scored.preferred == preferred
    assert scored.better is not None
    assert scored.better < 0
