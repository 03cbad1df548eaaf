"""Before anybody's first word: what becomes of it is said, agreed to, and stored; without that nothing is."""

import hashlib
import json
import re
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import Engine, func, select
from werkzeug.test import TestResponse

from feedback_app import raters
from services.adapters.promotions import find_persona
from services.db.agreement_tables import AgreementRow
from services.db.feedback_tables import CommentRow, ComparisonRow, CorrectionRow, RaterRow, RatingRow
from services.db.session import session_scope
from services.errors.inputs import TextTooLong
from services.feedback import agreements
from tests.builders import AT, add_answer
from tests.fakes import FakeGenerator
from tests.feedback_app.conftest import Visitor, hidden_fields
from tests.feedback_app.test_comparing import add_pair, begin
from tests.feedback_app.test_peers import rated_by_another

FORMS = (
    ("rate", {"stars": "4", "reasons": "too long"}),
    ("rate", {"thumb": "down"}),
    ("correct", {"text": "Arr!"}),
    ("comment", {"text": "Too dry."}),
)
# By the number of the wording. Whoever changes a word of it counts WORDING up and adds its line here.
WORDINGS = {1: "ab712b3fa9a8ee43", 2: "39915b5056d39e01"}


def send(visitor: Visitor, page: TestResponse, action: str, box: str | None, **fields: str) -> TestResponse:
    """The form with the box as it is given, whatever the page shows."""
    hidden = {name: value for name, value in hidden_fields(page, action).items() if name != "agreed"}
    ticked = {} if box is None else {"agreed": box}
    return visitor.client.post(action, data=hidden | ticked | fields)


def stored(engine: Engine) -> tuple[int, int]:
    """Agreements, and words of any kind."""
    with session_scope(engine) as session:
        agreed, *said = (
            session.scalar(select(func.count()).select_from(table)) or 0
            for table in (AgreementRow, RatingRow, CorrectionRow, CommentRow)
        )
    return agreed, sum(said)


@pytest.mark.parametrize(("action", "fields"), FORMS)
@pytest.mark.parametrize("box", [None, "0", "1", "99", "yes", "9" * 5_000])
def test_nothing_is_saved_without_the_box_and_nothing_typed_is_lost(
    visitor: Visitor, path: str, engine: Engine, action: str, fields: dict[str, str], box: str | None
):
    refused = send(visitor, visitor.get(path), f"{path}/{action}", box, **fields)
    assert refused.status_code == 409
    assert (
        "Nothing was saved yet: read what is kept of what you say and what for, tick the box" in refused.text
    )
    assert stored(engine) == (0, 0)
    kept = {
        "stars": 'value="4" checked',
        "reasons": 'value="too long" checked',
        "thumb": 'aria-pressed="true" aria-label="Thumb down"',
        "text": f"\n{fields.get('text')}</textarea>",
    }
    for name in fields:
        assert kept[name] in refused.text
    assert visitor.submit(refused, f"{path}/{action}", **fields).status_code == 303
    assert stored(engine) == (1, 1)


@pytest.mark.parametrize(("action", "fields"), FORMS)
@pytest.mark.parametrize("box", [None, str(agreements.WORDING)])
def test_who_was_erased_in_another_tab_is_told_so(
    visitor: Visitor, path: str, engine: Engine, action: str, fields: dict[str, str], box: str | None
):
    page = visitor.get(path)
    with session_scope(engine) as session:
        session.scalars(select(RaterRow)).one().erased_at = AT
    refused = send(visitor, page, f"{path}/{action}", box, **fields)
    assert refused.status_code == 409
    assert "Everything you said here was erased meanwhile" in refused.text
    assert stored(engine) == (0, 0)


def test_who_was_erased_in_another_tab_takes_nothing_back_and_compares_nothing(
    visitor: Visitor, path: str, clean: Engine
):
    visitor.submit(visitor.get(path), f"{path}/comment", text="Dry.")
    page = visitor.get(path)
    add_pair(clean)
    pair = visitor.get(begin(visitor))
    with session_scope(clean) as session:
        session.scalars(select(RaterRow).join(AgreementRow)).one().erased_at = AT
    for shown, action, fields in (
        (page, f"{path}/undo", {}),
        (pair, pair.request.path, {"choice": "left"}),
        (pair, pair.request.path, {"choice": "left", "agreed": str(agreements.WORDING)}),
    ):
        refused = visitor.submit(shown, action, **fields)
        assert refused.status_code == 409
        assert "Everything you said here was erased meanwhile" in refused.text


@pytest.mark.parametrize("box", [None, str(agreements.WORDING)])
def test_whose_cookie_is_sound_but_who_is_not_stored_says_nothing(
    visitor: Visitor, path: str, app: Flask, engine: Engine, box: str | None
):
    page = visitor.get(path)
    with app.app_context():
        visitor.client.set_cookie(raters.COOKIE, raters._signer().dumps(str(uuid4())))
    for action, fields in FORMS:
        assert send(visitor, page, f"{path}/{action}", box, **fields).status_code == 403
    assert stored(engine) == (0, 0)


def test_who_agreed_once_is_not_asked_again(visitor: Visitor, path: str, engine: Engine):
    first = visitor.get(path)
    assert first.text.count('name="agreed"') == 3
    assert first.text.index('id="agreement-text"') < first.text.index("Save my rating")
    visitor.submit(first, f"{path}/comment", text="Dry.")
    page = visitor.get(path)
    assert "agree" not in page.text
    assert send(visitor, page, f"{path}/rate", None, stars="4").status_code == 303
    assert (
        send(visitor, first, f"{path}/rate", str(agreements.WORDING), stars="5").status_code == 303
    )  # of the first page
    assert stored(engine) == (1, 3)


def test_a_ticked_box_holds_where_the_words_were_refused(visitor: Visitor, path: str, engine: Engine):
    refused = visitor.submit(visitor.get(path), f"{path}/correct", text=" ")
    assert refused.status_code == 400
    assert 'name="agreed"' not in refused.text
    assert stored(engine) == (1, 0)


def test_a_new_wording_asks_again(visitor: Visitor, path: str, engine: Engine, monkeypatch):
    visitor.submit(visitor.get(path), f"{path}/rate", stars="4")
    old = visitor.get(path)
    held, new = agreements.WORDING, agreements.WORDING + 1
    monkeypatch.setattr(agreements, "WORDING", new)
    assert send(visitor, old, f"{path}/rate", str(held), stars="5").status_code == 409
    assert send(visitor, old, f"{path}/rate", str(new), stars="5").status_code == 303
    with session_scope(engine) as session:
        assert session.scalars(select(AgreementRow.wording).order_by(AgreementRow.id)).all() == [held, new]


@pytest.mark.usefixtures("app")
def test_an_opinion_of_somebody_elses_answer_takes_it_too(visitor: Visitor, clean: Engine, monkeypatch):
    other = rated_by_another(clean)
    path = visitor.answer_of(visitor.ask())
    visitor.submit(visitor.get(path), f"{path}/rate", stars="5")
    new = agreements.WORDING + 1
    monkeypatch.setattr(agreements, "WORDING", new)
    page = visitor.get(f"/peers/{other}")
    assert 'id="agreement-text"' in page.text
    refused = send(visitor, page, f"/peers/{other}/rate", None, stars="2")
    assert refused.status_code == 409
    assert 'value="2" checked' in refused.text
    assert send(visitor, page, f"/peers/{other}/rate", str(new), stars="2").status_code == 303


def test_another_rater_is_asked_for_themselves(visitor: Visitor, new_visitor, path: str):
    visitor.submit(visitor.get(path), f"{path}/rate", stars="4")
    other = new_visitor()
    theirs = other.answer_of(other.ask())
    assert 'name="agreed"' in other.get(theirs).text


def test_what_one_agreed_to_is_among_ones_data(visitor: Visitor, path: str):
    visitor.submit(visitor.get(path), f"{path}/rate", stars="4")
    kept = json.loads(visitor.get("/your-data/export").text)
    assert [one["wording"] for one in kept["agreements"]] == [agreements.WORDING]


def test_every_wording_has_a_number_of_its_own(visitor: Visitor, path: str):
    shown = re.search(r'<ul id="agreement-text">(.*?)</ul>', visitor.get(path).text, re.DOTALL)
    assert shown is not None
    words = " ".join(re.sub(r"<[^>]+>", " ", shown[1]).split())
    assert WORDINGS[agreements.WORDING] == hashlib.sha256(words.encode()).hexdigest()[:16], words


@pytest.mark.usefixtures("app")
def test_a_choice_between_two_answers_takes_it_too(visitor: Visitor, clean: Engine):
    add_pair(clean)
    path = begin(visitor).partition("?")[0]
    page = visitor.get(path)
    assert 'id="agreement-text"' in page.text
    assert send(visitor, page, path, None, choice="left").status_code == 409
    with session_scope(clean) as session:
        assert session.scalar(select(func.count()).select_from(ComparisonRow)) == 0
    assert send(visitor, page, path, str(agreements.WORDING), choice="left").status_code == 303


@pytest.mark.usefixtures("app")
def test_who_agreed_and_whose_only_question_can_never_be_answered_stays_on_record(
    visitor: Visitor, clean: Engine, generator: FakeGenerator
):
    visitor.submit(visitor.get("/p/pirate/compare"), "/p/pirate/compare")  # a rater, and there is no pair yet
    with session_scope(clean) as session:
        other = add_answer(session, find_persona(session, "pirate")).id
    form = hidden_fields(visitor.get("/p/pirate"), "/p/pirate/ask")
    agreeing = form | {"agreed": str(agreements.WORDING), "text": "Too dry."}
    assert visitor.client.post(f"/answers/{other}/comment", data=agreeing).status_code == 403
    generator.problem = TextTooLong("question", length=9000, limit=4096, unit="tokens")
    assert visitor.ask().status_code == 400
    assert stored(clean) == (1, 0)
    generator.problem = None
    assert visitor.ask().status_code == 303
