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

import feedback_app
from feedback_app import create_app
from feedback_app.limits import Limits
from services.accounts import clients
from services.db.feedback_tables import (
    CommentRow,
    CorrectionRow,
    QuestionRow,
)
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
    form, kept = Form(reader, "/p/pirate", "/p/pirate/ask"), 0
    for string in STRINGS:
        generator.text = string
        asked = form.send("/p/pirate/ask", question=string, context=string)
        if not string.strip() or "\x00" in string:
            assert_said_why(asked, string)
            continue
        path = reader.answer_of(form.send(f"{asked.location}/ask", question=string))
        generator.text = "Something else."
        path = reader.answer_of(form.send(f"{path}/again", persona="pirate"))
        for what in ("correct", "comment"):
            said_so = form.send(f"{path}/{what}", text=string, agreed=str(WORDING))
            assert said_so.status_code == 303, ascii(string)
        assert_inert(reader.get(path), said(string), clean_generated(said(string)))
        kept += 1
        with session_scope(clean) as session:
            rows = session.scalars(select(QuestionRow).order_by(QuestionRow.asked_at.desc()).limit(3)).all()
            assert {row.text for row in rows} == {said(string)}, ascii(string)
            assert rows[2].context == said(string)
            for text, number in ((CorrectionRow.text, CorrectionRow.id), (CommentRow.text, CommentRow.id)):
                assert session.scalar(select(text).order_by(number.desc()).limit(1)) == said(string)
    told = reader.get("/your-data/export").get_json()
    written = json.dumps(told, ensure_ascii=False)
    storable = [said(one) for one in STRINGS if one.strip() and "\x00" not in one]
    assert kept == len(storable)
    assert all(json.dumps(one, ensure_ascii=False)[1:-1] in written for one in storable)
    assert_inert(reader.get("/history"), *storable[-7:])
    lost = reader.client.post(
        "/p/pirate/ask", data={"question": "\n".join(STRINGS)}, headers={"Origin": "http://localhost"}
    )
    assert_inert(lost, said("\n".join(STRINGS)).replace("\x00", "\ufffd"))


def test_the_labels_of_a_question(reader: Visitor, clean: Engine):
    form = Form(reader, "/p/pirate", "/p/pirate/ask")
    for string in STRINGS:
        label = said(string).strip()
        labels = {"audience": string, "domain": string}
        asked = form.send("/p/pirate/ask", question="Why?", **labels)
        if "\x00" in string or len(said(string)) > LABEL_LIMIT:
            assert_said_why(asked, string)
            continue
        reader.answer_of(asked)
        with session_scope(clean) as session:
            newest = session.scalars(select(QuestionRow).order_by(QuestionRow.asked_at.desc()).limit(1)).one()
            kept = {newest.audience, newest.domain}
        assert kept == ({label} if label else {DEFAULT_AUDIENCE, DEFAULT_DOMAIN}), ascii(string)
        if set(label) & set("<>&\"'{`"):
            assert_inert(reader.get(asked.location), label)
            assert_inert(reader.client.get("/p/pirate", query_string=labels), label)


def test_what_clients_of_the_api_send(open_app: Flask, clean: Engine, generator: FakeGenerator):
    with session_scope(clean) as session:
        token = clients.create(session, "all", tuple(Scope), actor="test", at=AT)
    api = Api(open_app.test_client(), token)
    for string in (*STRINGS, "half of a pair: \ud800"):
        generator.text = f"Not {string!a}"
        short = string if string.strip() and len(string) <= LABEL_LIMIT else "a label"
        body = {"question": string, "context": string, "domain": short, "audience": short}
        asked = api.post("/personas/pirate/answers", body)
        if not string.strip() or re.search("[\x00\ud800]", string):
            wrong = {one["field"] for one in asked.get_json()["errors"]}
            assert asked.status_code == 400
            assert {"question", "body"} & wrong, ascii(string)
            continue
        told = asked.get_json()
        assert [told[name] for name in body] == [string, string, short.strip(), short.strip()]
        corrected = api.post(f"/answers/{told['id']}/corrections", {"text": string}).get_json()
        assert corrected["text"] == string
        (listed,) = api.get(f"/answers/{told['id']}/corrections").get_json()["items"]
        assert listed["text"] == string
        commented = api.post(f"/answers/{told['id']}/comments", {"text": string}).get_json()
        assert commented["text"] == string
    for string in STRINGS:
        if re.fullmatch(r"[ -~]*", string):  # a header holds no more
            named = api.post("/personas/pirate/answers", {"question": "Why?"}, **{"End-User": string})
            assert named.status_code == (201 if re.fullmatch(r"[!-~]{1,128}", string) else 400)
