"""Who answers in which form: one hop, never a chain, and always somebody who is there."""

import pytest
from sqlalchemy.orm import Session

from services.db.feedback_tables import PersonaRow
from services.domain.answer_formats import AnswerFormat, AnswerRules
from services.errors.inputs import NoRoute
from services.errors.refusals import RouteRefused
from services.feedback.routes import add_route, answers_for, remove_route, routes_of
from tests.builders import add_persona


def persona(session: Session, answer_format: AnswerFormat, name: str = "") -> PersonaRow:
    slug = name or answer_format.replace("_", "-")
    return add_persona(session, slug=slug, display_name=slug, answers=AnswerRules(answer_format))


@pytest.fixture
def tutor(session: Session) -> PersonaRow:
    return persona(session, AnswerFormat.FREE_TEXT)


def test_the_persona_answers_in_its_own_form_and_others_for_it_in_theirs(session: Session, tutor: PersonaRow):
    mcq, saq = persona(session, AnswerFormat.MCQ), persona(session, AnswerFormat.SAQ)
    for target in (mcq, saq):
        add_route(session, tutor, target)
    asked = {None: tutor, AnswerFormat.FREE_TEXT: tutor, AnswerFormat.MCQ: mcq, AnswerFormat.SAQ: saq}
    for wanted, row in asked.items():
        assert answers_for(session, tutor, wanted) is row
    with pytest.raises(NoRoute, match="'json'"):
        answers_for(session, tutor, AnswerFormat.JSON)
    with pytest.raises(NoRoute):
        answers_for(session, mcq, AnswerFormat.FREE_TEXT)


def test_a_route_can_be_changed_and_taken_away(session: Session, tutor: PersonaRow):
    first, second = (persona(session, AnswerFormat.MCQ, name) for name in ("first", "second"))
    add_route(session, tutor, first)
    add_route(session, tutor, second)
    assert routes_of(session, tutor) == {AnswerFormat.MCQ: second}
    remove_route(session, tutor, first)
    assert routes_of(session, tutor) == {AnswerFormat.MCQ: second}
    remove_route(session, tutor, second)
    assert routes_of(session, tutor) == {}


def test_a_route_to_ones_own_form_or_on_to_another_is_refused(session: Session, tutor: PersonaRow):
    mcq, saq = persona(session, AnswerFormat.MCQ), persona(session, AnswerFormat.SAQ)
    twin = persona(session, AnswerFormat.FREE_TEXT, "twin")
    for target in (tutor, twin):
        with pytest.raises(RouteRefused, match="both answer in the format free_text"):
            add_route(session, tutor, target)
    add_route(session, tutor, mcq)
    with pytest.raises(RouteRefused, match="has routes of its own"):
        add_route(session, saq, tutor)
    with pytest.raises(RouteRefused, match="answers for another persona itself"):
        add_route(session, mcq, saq)
