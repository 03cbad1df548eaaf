"""Pairs judged through a real inference server: an adapter that says one letter prefers texts of it."""

import pytest

from services.domain.conversation import Question
from services.domain.evaluation import Item, ItemSource
from services.domain.personas import Persona, PersonaSlug
from services.evaluation.asking import ask_all
from services.evaluation.scoring import PairScore
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
