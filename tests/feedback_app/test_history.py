"""One's own history: newest first, nobody else's, one statement however long it is."""

from collections.abc import Callable

from sqlalchemy import Engine, event

from tests.feedback_app.conftest import Visitor


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


def test_a_history_is_one_statement_however_long(visitor: Visitor, engine: Engine):
    statements: list[str] = []

    def listen(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    for number in range(3):
        visitor.ask(question=f"Question {number}")
    event.listen(engine, "before_cursor_execute", listen)
    try:
        visitor.get("/history")
    finally:
        event.remove(engine, "before_cursor_execute", listen)
    assert len(statements) == 1
