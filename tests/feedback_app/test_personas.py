"""Choosing a persona and asking it."""

from tests.feedback_app.conftest import Visitor


def test_personas_are_offered_by_name(visitor: Visitor):
    assert "Pirate" in visitor.get("/").text


def test_an_ask_leads_to_its_answer(visitor: Visitor):
    asked = visitor.ask()
    page = visitor.get(visitor.answer_of(asked))
    assert "Why is the sea salty?" in page.text
    assert "A short answer." in page.text
