"""A choice between two answers is taken back from the page that thanks for it, within a minute."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import Engine, text
from werkzeug.test import TestResponse

from services.db.session import session_scope
from tests.feedback_app.conftest import Visitor, hidden_fields
from tests.feedback_app.test_comparing import add_pair, begin, choices, offer_like, offers, policy, pressed

THANKS = "Thank you, your choice is saved."


@pytest.fixture(autouse=True)
def normal_pairs(app: object, clean: Engine) -> None:  # noqa: ARG001  (it makes the persona)
    policy(clean, repeat_percent=0, known_percent=0)


def chosen(visitor: Visitor, path: str, choice: str = "left") -> TestResponse:
    """The page that thanks for it."""
    return visitor.get(visitor.submit(visitor.get(path), path, choice=choice).location)


@pytest.mark.parametrize("pairs", [1, 2])
@pytest.mark.parametrize("kind", ["normal", "known"])
def test_a_choice_is_undone_from_the_page_that_follows_it_and_the_pair_chosen_again(
    visitor: Visitor, clean: Engine, kind: str, pairs: int
):
    for question in ("What is a keel?", "What is a mast?")[:pairs]:
        add_pair(clean, question=question)
    begin(visitor)
    path = f"/comparisons/{offer_like(clean, offers(clean)[0], kind)}"
    thanked = chosen(visitor, path)
    assert THANKS in thanked.text
    assert re.search(r'data-seconds="(60|5\d)"', thanked.text)
    undone = [visitor.submit(thanked, f"{path}/undo") for _ in range(2)]  # pressed twice
    assert [one.status_code for one in undone] == [303, 303]
    page = visitor.get(undone[0].location)
    assert "Your choice is taken back. You may choose again." in page.text
    assert pressed(page) == []
    assert THANKS not in visitor.get(thanked.request.full_path).text
    again = chosen(visitor, path, "both bad")
    assert THANKS in again.text
    assert pressed(visitor.get(path)) == ["both bad"]
    assert [one.choice for one in choices(clean)] == (["left", "both bad"] if kind == "normal" else [])


def test_an_undo_that_comes_too_late_is_refused_beside_the_answers(visitor: Visitor, clean: Engine):
    add_pair(clean)
    path = begin(visitor)
    thanked = chosen(visitor, path)
    long_ago = datetime.now(UTC) - timedelta(minutes=2)
    with session_scope(clean) as session:
        session.execute(text("ALTER TABLE comparisons DISABLE TRIGGER USER"))
        session.execute(text("UPDATE comparisons SET created_at = :at"), {"at": long_ago})
        session.execute(text("ALTER TABLE comparisons ENABLE TRIGGER USER"))
    refused = visitor.submit(thanked, f"{path}/undo")
    assert refused.status_code == 409
    assert "This choice was saved more than a minute ago" in refused.text
    assert pressed(refused) == ["left"]
    later = visitor.get(thanked.request.full_path)
    assert THANKS in later.text
    assert f"{path}/undo" not in later.text


def test_nobody_undoes_what_somebody_else_chose(
    visitor: Visitor, new_visitor: Callable[[], Visitor], clean: Engine
):
    add_pair(clean)
    path = begin(visitor)
    thanked = chosen(visitor, path)
    theirs = hidden_fields(thanked, f"{path}/undo")
    other = new_visitor()
    other.ask()
    assert THANKS not in other.get(thanked.request.full_path).text
    own = hidden_fields(other.get("/p/pirate"), "/p/pirate/ask")["csrf_token"]
    sent = other.client.post(f"{path}/undo", data=theirs | {"csrf_token": own})
    assert sent.status_code == 404
    for changed, status in (("x", 400), (str(uuid4()), 404)):
        assert visitor.submit(thanked, f"{path}/undo", chosen=changed).status_code == status
    assert pressed(visitor.get(path)) == ["left"]
