"""One's own history: newest first, nobody else's, one statement however long it is."""

from collections.abc import Callable

import pytest
from sqlalchemy import Engine

from services.adapters.promotions import find_persona, rollback
from services.db.session import session_scope
from services.domain.personas import PersonaSlug
from tests.builders import AT
from tests.counted import counted
from tests.feedback_app.conftest import Visitor
from tests.lineage_builders import add_canary


def test_a_history_begins_empty(visitor: Visitor):
    assert "You have not asked anything yet." in visitor.get("/history").text


def test_a_history_shows_ones_own_questions_newest_first_with_what_was_said(
    visitor: Visitor, new_visitor: Callable[[], Visitor]
):
    new_visitor().ask(question="A stranger's question")
    first = visitor.answer_of(visitor.ask(question="First question"))
    visitor.ask(question="Second question")
    visitor.submit(visitor.get(first), f"{first}/rate", stars="5")
    visitor.submit(visitor.get(first), f"{first}/correct", text="Arr!")
    page = visitor.get("/history").text
    assert page.index("Second question") < page.index("First question")
    assert "A stranger" not in page
    assert "5 stars, " in page
    assert "excellent" in page
    assert "better answer written" in page
    assert "comment left" not in page
    assert f'href="{first}"' in page
    assert "Only you see it" not in page  # curators and other raters may, as who agreed was told
    assert "who looks after the personas may read" in page


@pytest.mark.parametrize(("corrected", "count"), [(0, 2), (1, 4), (3, 4)])
def test_a_history_is_a_fixed_number_of_statements_however_long(visitor: Visitor, corrected: int, count: int):
    for number in range(3):
        path = visitor.answer_of(visitor.ask(question=f"Question {number}"))
        if number < corrected:
            visitor.submit(visitor.get(path), f"{path}/correct", text="Better!")
    with counted() as statements:
        visitor.get("/history")
    assert len(statements) == count


def test_which_version_answered_is_not_told_before_its_canary_has_ended(visitor: Visitor, clean: Engine):
    before = visitor.answer_of(visitor.ask(question="Before it"))
    with session_scope(clean) as session:
        add_canary(session, find_persona(session, "pirate"), number=1)
    tried = visitor.answer_of(visitor.ask(question="In it"))
    stamps = ["which version this is stays hidden" in visitor.get(path).text for path in (before, tried)]
    assert stamps == [False, True]
    assert visitor.get("/history").text.count("Pirate v") == 1
    with session_scope(clean) as session:
        rollback(session, persona=PersonaSlug("pirate"), to_version=None, reason="enough", actor="me", at=AT)
    assert "which version this is stays hidden" not in visitor.get(tried).text
    assert visitor.get("/history").text.count("Pirate v") == 2
