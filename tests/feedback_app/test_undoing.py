"""What was just said is taken back from the notice that thanks for it, within a minute, by who said it."""

import re

import pytest
from sqlalchemy import Engine

from feedback_app.backend import now
from services.db.feedback_tables import AnswerRow
from services.db.session import session_scope
from services.domain.feedback import UNDO_WITHIN
from tests.builders import AT, add_correction, asker_of
from tests.feedback_app.conftest import Visitor, answer_id, hidden_fields
from tests.feedback_app.said import ratings


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        ("rate", {"stars": "2"}),
        ("rate", {"thumb": "up"}),
        ("correct", {"text": "B"}),
        ("comment", {"text": "C"}),
    ],
)
def test_what_was_just_saved_can_be_undone_from_its_notice_once(
    visitor: Visitor, path: str, engine: Engine, action: str, fields: dict[str, str]
):
    visitor.submit(visitor.get(path), f"{path}/comment", text=" ")  # refused, but for the box in the form
    before = visitor.get(path).text
    visitor.submit(visitor.get(path), f"{path}/{action}", **fields)
    thanked = visitor.get(path)
    for _ in range(2):  # pressed twice
        assert visitor.submit(thanked, f"{path}/undo").status_code == 303
    page = visitor.get(path).text
    assert "is taken back. The one before it, if any, counts again." in page
    assert f"{path}/undo" not in page
    assert re.sub(r"value=.*", "", visitor.get(path).text) == re.sub(r"value=.*", "", before)
    assert ratings(engine)[1] == []


def test_each_of_what_was_said_can_be_undone_for_as_long_as_it_may_however_often_the_page_is_shown(
    visitor: Visitor, path: str, engine: Engine, monkeypatch: pytest.MonkeyPatch
):
    visitor.submit(visitor.get(path), f"{path}/rate", stars="2")
    visitor.submit(visitor.get(path), f"{path}/correct", text="Better.")
    for _ in range(3):
        page = visitor.get(path).text
        assert page.count(f'action="{path}/undo"') == 2
        assert "Thank you, your 2 stars are saved." in page
        assert page.count('data-key="u"') == 1
        assert page.index('name="said" value="correction"') < page.index('data-key="u"')
    visitor.submit(visitor.get(path), f"{path}/undo")  # the first form: of the stars
    assert ratings(engine)[1] == []
    assert visitor.get(path).text.count(f'action="{path}/undo"') == 1
    later = now() + UNDO_WITHIN
    monkeypatch.setattr("feedback_app.answers.now", lambda: later)
    assert f'action="{path}/undo"' not in visitor.get(path).text
    assert "Thank you" not in visitor.get(path).text


def test_what_was_said_before_is_shown_again_after_an_undo(visitor: Visitor, path: str, engine: Engine):
    for stars in ("2", "5"):
        visitor.submit(visitor.get(path), f"{path}/rate", stars=stars)
    visitor.submit(visitor.get(path), f"{path}/undo")
    assert "You gave it 2 stars" in visitor.get(path).text
    assert ratings(engine) == ([2, 5], [2])


def test_an_undo_that_comes_too_late_is_refused_where_it_was_asked_for(
    visitor: Visitor, path: str, engine: Engine
):
    visitor.submit(visitor.get(path), f"{path}/correct", text="Better.")
    thanked = visitor.get(path)
    with session_scope(engine) as session:
        answer = session.get_one(AnswerRow, answer_id(path))
        _, said_id = add_correction(session, answer, "Old.", rater=asker_of(answer), at=AT).split(":")
    refused = visitor.submit(thanked, f"{path}/undo", said_id=said_id)
    assert refused.status_code == 409
    assert "saved more than a minute ago and is not undone any more" in refused.text
    assert "Old.</textarea>" in refused.text


def test_nobody_undoes_what_somebody_else_said(visitor: Visitor, new_visitor, path: str, engine: Engine):
    visitor.submit(visitor.get(path), f"{path}/rate", stars="4")
    theirs = hidden_fields(visitor.get(path), f"{path}/undo")
    other = new_visitor()
    other.ask()
    for fields, status in ((theirs, 404), (theirs | {"said_id": "x"}, 400), (theirs | {"said": "all"}, 400)):
        token = hidden_fields(other.get("/p/pirate"), "/p/pirate/ask")["csrf_token"]
        sent = other.client.post(f"{path}/undo", data=fields | {"csrf_token": token})
        assert sent.status_code == status
    assert ratings(engine) == ([4], [4])
