"""Strings that break things, through every text field there is, and back out on every page that shows it.

Stored is what was written. By intent no more than this is made of it: browsers write line ends of forms as
CRLF, which become newlines again; names, reasons and labels stand on one line and lose outer white space, as
templates and lines of files do; white space alone is nothing. What cannot be kept is refused with a sentence.
"""

import json
import re
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Engine, select
from werkzeug.test import TestResponse

import feedback_app
from feedback_app import create_app
from feedback_app.history import NEWEST
from feedback_app.limits import Limits
from services.accounts import clients
from services.db.feedback_tables import AnswerRow, CommentRow, CorrectionRow, QuestionRow
from services.db.session import session_scope
from services.domain.conversation import LABEL_LIMIT, clean_generated
from services.domain.personas import DEFAULT_AUDIENCE, DEFAULT_DOMAIN
from services.domain.scopes import Scope
from services.feedback.agreements import WORDING
from services.settings import Settings
from tests.builders import AT
from tests.fakes import FakeGenerator
from tests.feedback_app.api.conftest import Api
from tests.feedback_app.conftest import Visitor
from tests.feedback_app.hostile_texts import STRINGS, Form, assert_inert, assert_said_why, said

# Each text field of a template, and which of the tests below sends it; `-` is what a form only carries along.
FIELDS = {
    ("persona.html", "question"): "raters",
    ("persona.html", "context"): "raters",
    ("persona.html", "domain"): "raters",
    ("persona.html", "audience"): "raters",
    ("answer.html", "question"): "raters",
    ("answer.html", "text"): "raters",
    ("error.html", "{{ name }}"): "raters",
    ("sign_in.html", "name"): "accounts",
    ("sign_in.html", "password"): "accounts",
    ("invitation.html", "name"): "accounts",
    ("invitation.html", "password"): "accounts",
    ("account.html", "username"): "-",
    ("account.html", "old"): "accounts",
    ("account.html", "new"): "accounts",
    ("new_persona.html", "name"): "personas",
    ("new_persona.html", "slug"): "personas",
    ("new_persona.html", "template"): "personas",
    ("new_persona.html", "markers"): "personas",
    ("new_persona.html", "policy"): "personas",
    ("new_persona.html", "seeds"): "personas",
    ("policy_fields.html", "{{ name }}"): "personas",
    ("curate.html", "reason"): "reasons",
    ("decision.html", "reason"): "reasons",
    ("review_item.html", "reason"): "reviews",
    ("ledger.html", "at"): "reasons",
}
OF_THE_API = {
    ("Asked", "question"),
    ("Asked", "context"),
    ("Asked", "domain"),
    ("Asked", "audience"),
    ("AskedOn", "question"),
    ("Corrected", "text"),
    ("Commented", "text"),
}
_FIELD = re.compile(r"<(?:textarea|input)\b(?:[^>{]|\{[^}]*\}+)*>")
_NO_TEXT = re.compile(r'type="(?:hidden|checkbox|radio|file|number|submit)"')


@pytest.fixture
def open_app(settings: Settings, app: Flask, clean: Engine, generator: FakeGenerator) -> Flask:
    """The app without limits."""
    del app  # which made a persona
    unlimited = settings.model_copy(update=dict.fromkeys(Limits.NAMES, "1000000/minute"))
    return create_app(unlimited, engine=clean, generator=generator)


@pytest.fixture
def reader(open_app: Flask) -> Visitor:
    return Visitor(open_app.test_client())


def is_text(string: str) -> bool:
    return bool(string.strip()) and "\x00" not in string


def is_label(string: str) -> bool:
    return is_text(string) and len(said(string)) <= LABEL_LIMIT


def is_end_user(string: str) -> bool:
    return bool(re.fullmatch(r"[!-~]{1,128}", string))


def assert_question_refused(told: TestResponse, string: str) -> None:
    assert told.status_code == 400, ascii(string)
    assert {"question", "body"} & {one["field"] for one in told.get_json()["errors"]}, ascii(string)


def test_every_text_field_there_is_has_its_test():
    found = {
        (path.name, name)
        for path in (Path(feedback_app.__file__).parent / "templates").glob("*.html")
        for field in _FIELD.findall(path.read_text(encoding="utf-8"))
        if not _NO_TEXT.search(field)
        for name in re.findall(r'\bname="([^"]+)"', field)
    }
    assert found == set(FIELDS), "send every string through the new field as well, in one of these tests"


def test_every_text_of_the_api_has_its_test(open_app: Flask):
    schemas = open_app.test_client().get("/api/v1/openapi.json").get_json()["components"]["schemas"]
    taken = {name for name in schemas if name in {"Asked", "Rated", "Corrected", "Compared"}}
    texts = {
        (name, field)
        for name, schema in schemas.items()
        if schema.get("additionalProperties") is False
        for field, one in schema["properties"].items()
        if one.get("type") == "string" and not {"format", "enum"} & one.keys()
    }
    assert len(taken) == 4
    assert texts == OF_THE_API, "send every string through the new field as well, in one of these tests"


def test_what_raters_say(reader: Visitor, clean: Engine, generator: FakeGenerator):
    form, kept = Form(reader, "/p/pirate", "/p/pirate/ask"), []
    for string in STRINGS:
        generator.text, label = string, string if is_label(string) else "a label"
        asked = form.send("/p/pirate/ask", question=string, context=string, audience=label, domain=label)
        if not is_text(string):
            assert_said_why(asked, string)
            continue
        kept.append(string)
        generator.text = "Something else."
        path = reader.answer_of(form.send(f"{asked.location}/ask", question=string))
        for what in ("correct", "comment"):
            said_so = form.send(f"{path}/{what}", text=string, agreed=str(WORDING))
            assert said_so.status_code == 303, ascii(string)
        assert_inert(reader.get(path), said(string), clean_generated(said(string)), said(label).strip())
        if len(kept) % (NEWEST // 2) == 0:
            assert_inert(reader.get("/history"), *(said(one) for one in kept[-NEWEST // 2 :]))
    written = [said(one) for one in kept]
    with session_scope(clean) as session:
        questions = session.scalars(select(QuestionRow).order_by(QuestionRow.asked_at)).all()
        first, on = questions[::2], questions[1::2]
        assert [row.text for row in first] == [row.context for row in first] == written
        assert [row.text for row in on] == written
        labels = [said(one).strip() if is_label(one) else "a label" for one in kept]
        assert [row.audience for row in first] == [row.domain for row in first] == labels
        answers = session.scalars(select(AnswerRow.text).order_by(AnswerRow.created_at)).all()
        assert answers[::2] == [clean_generated(one) for one in kept]
        for said_of_it in (CorrectionRow, CommentRow):
            assert session.scalars(select(said_of_it.text).order_by(said_of_it.id)).all() == written
    told = json.dumps(reader.get("/your-data/export").get_json(), ensure_ascii=False)
    assert all(json.dumps(one, ensure_ascii=False)[1:-1] in told for one in written)
    lost = reader.client.post(
        "/p/pirate/ask", data={"question": "\n".join(STRINGS)}, headers={"Origin": "http://localhost"}
    )
    assert_inert(lost, said("\n".join(STRINGS)).replace("\x00", "\ufffd"))


def test_labels_of_a_question_that_are_none(reader: Visitor, clean: Engine):
    form = Form(reader, "/p/pirate", "/p/pirate/ask")
    for string in STRINGS:
        labels = {"audience": string, "domain": string}
        if is_label(string):
            assert_inert(reader.client.get("/p/pirate", query_string=labels), said(string).strip())
            continue
        asked = form.send("/p/pirate/ask", question="Why?", **labels)
        if string.strip():
            assert_said_why(asked, string)
            continue
        reader.answer_of(asked)
        with session_scope(clean) as session:
            newest = session.scalars(select(QuestionRow).order_by(QuestionRow.asked_at.desc()).limit(1)).one()
            assert (newest.audience, newest.domain) == (DEFAULT_AUDIENCE, DEFAULT_DOMAIN), ascii(string)


def test_what_clients_of_the_api_send(open_app: Flask, clean: Engine, generator: FakeGenerator):
    with session_scope(clean) as session:
        token = clients.create(session, "all", tuple(Scope), actor="test", at=AT)
    first, api = (Api(open_app.test_client(), token) for _ in range(2))
    began = first.ask()["id"]
    for string in (*STRINGS, "half of a pair: \ud800"):
        api.end_user = string if is_end_user(string) else "u1"
        generator.text = f"Not {string!a}"
        short = string if string.strip() and len(string) <= LABEL_LIMIT else "a label"
        body = {"question": string, "context": string, "domain": short, "audience": short}
        asked = api.post("/personas/pirate/answers", body)
        if not string.strip() or re.search("[\x00\ud800]", string):
            assert_question_refused(asked, string)
            assert_question_refused(first.post(f"/answers/{began}/answers", {"question": string}), string)
            continue
        assert asked.status_code == 201, ascii(string)
        told = asked.get_json()
        assert [told[name] for name in body] == [string, string, short.strip(), short.strip()]
        corrected = api.post(f"/answers/{told['id']}/corrections", {"text": string}).get_json()
        assert corrected["text"] == string
        (listed,) = api.get(f"/answers/{told['id']}/corrections").get_json()["items"]
        assert listed["text"] == string
        commented = api.post(f"/answers/{told['id']}/comments", {"text": string}).get_json()
        assert commented["text"] == string
        on = api.post(f"/answers/{told['id']}/answers", {"question": string})
        assert (on.status_code, on.get_json()["question"]) == (201, string), ascii(string)
    for string in STRINGS:
        if re.fullmatch(r"[ -~]*", string) and not is_end_user(string):  # a header holds no more
            named = api.post("/personas/pirate/answers", {"question": "Why?"}, **{"End-User": string})
            assert named.status_code == 400, ascii(string)
