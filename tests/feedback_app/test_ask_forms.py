"""The form that asks, in whatever shape it comes: used, or refused with a sentence."""

from io import BytesIO
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import Engine
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.test import encode_multipart

from services.db.feedback_tables import QuestionRow, RaterRow
from services.domain.conversation import CONTEXT_LIMIT, QUESTION_LIMIT
from tests.fakes import FakeGenerator
from tests.feedback_app.conftest import Visitor, count, hidden_fields, stored

FORM, PARTS = "application/x-www-form-urlencoded", "multipart/form-data"


@pytest.mark.parametrize(
    ("field", "text", "sentence"),
    [
        ("question", "q" * (QUESTION_LIMIT + 1), "The question has 4,001 characters and the limit is 4,000"),
        ("question", "q" * 100_000, "The question has 100,000 characters"),
        ("context", "c" * (CONTEXT_LIMIT + 1), "The context has 20,001 characters"),
        ("audience", "a" * 81, "The audience has 81 characters"),
        ("domain", "d" * 81, "The domain has 81 characters"),
    ],
)
def test_a_text_that_is_too_long_stays_in_the_form_beside_the_sentence(
    visitor: Visitor, engine: Engine, field: str, text: str, sentence: str
):
    asked = visitor.ask(**{"question": "Why?", field: text})
    assert asked.status_code == 400
    assert sentence in asked.text
    assert text in asked.text
    assert 'aria-invalid="true"' in asked.text
    assert count(engine, QuestionRow) == count(engine, RaterRow) == 0


@pytest.mark.parametrize(("text", "sentence"), [("  \r\n ", "is empty"), ("salt\x00", "a NUL character")])
def test_an_unusable_question_is_refused_with_a_sentence(visitor: Visitor, text: str, sentence: str):
    asked = visitor.ask(question=text, context="kept all the same")
    assert asked.status_code == 400
    assert sentence in asked.text
    assert "kept all the same" in asked.text


@pytest.mark.parametrize(
    ("content_type", "fields", "status", "sentence"),
    [
        (FORM, {"question": "q" * 1_000_001}, 413, "larger than 1,000,000 bytes"),
        (PARTS, {"question": "q" * 1_000_001}, 413, "larger than 1,000,000 bytes"),
        (FORM, {"question": "q" * 900_000}, 400, "The question has 900,000 characters"),
        (PARTS, {"question": "q" * 900_000}, 400, "The question has 900,000 characters"),
        (PARTS, {f"field {number}": "x" for number in range(1_500)}, 413, "has too many fields"),
        (FORM, {f"field {number}": "x" for number in range(1_500)}, 400, "The question is empty"),
        (PARTS, {"question": FileStorage(BytesIO(b"Why?"), "why.txt")}, 400, "The question is empty"),
        (PARTS, {"question": "Why?"}, 303, ""),
        (f"{FORM}; charset=utf-7", {"question": "Why?"}, 303, ""),
    ],
)
def test_a_form_of_any_size_and_make_is_answered_or_refused_with_a_sentence(
    visitor: Visitor, content_type: str, fields: dict[str, Any], status: int, sentence: str
):
    filled = hidden_fields(visitor.get("/p/pirate"), "/p/pirate/ask") | fields
    if content_type == PARTS:
        boundary, body = encode_multipart(filled)  # the client's own way leaves a file open when it is large
        sent = visitor.client.post("/p/pirate/ask", data=body, content_type=f"{PARTS}; boundary={boundary}")
    else:
        sent = visitor.client.post("/p/pirate/ask", data=filled, content_type=content_type)
    assert sent.status_code == status
    assert sentence in sent.text


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (PARTS, b"no boundary"),
        (f"{PARTS}; boundary=a", b"--a\r\nhalf a part"),
        ("application/json", b'{"question": "Why?"}'),
        ("application/json", b"{"),
        ("text/plain", b"question=Why?"),
        ("", b"question=Why?"),
    ],
)
def test_what_is_no_form_is_refused_and_asks_nothing(
    visitor: Visitor, generator: FakeGenerator, content_type: str, body: bytes
):
    token = hidden_fields(visitor.get("/p/pirate"), "/p/pirate/ask")["csrf_token"]
    for headers in ({}, {"X-CSRFToken": token}):
        sent = visitor.client.post("/p/pirate/ask", data=body, content_type=content_type, headers=headers)
        assert sent.status_code == 400
    assert generator.requests == []


def test_of_a_field_sent_twice_the_first_counts(visitor: Visitor, engine: Engine):
    fields = MultiDict(hidden_fields(visitor.get("/p/pirate"), "/p/pirate/ask"))
    fields.setlist("question", ["The first?", "The second?"])
    fields.add("submission", "not-a-uuid")
    _, question = stored(engine, visitor.answer_of(visitor.client.post("/p/pirate/ask", data=fields)))
    assert question.text == "The first?"


def test_bytes_that_are_no_text_are_spelt_out(visitor: Visitor, engine: Engine):
    hidden = urlencode(hidden_fields(visitor.get("/p/pirate"), "/p/pirate/ask"))
    sent = visitor.client.post("/p/pirate/ask", data=f"{hidden}&question=Why%ff%ed%a0%80?", content_type=FORM)
    _, question = stored(engine, visitor.answer_of(sent))
    assert question.text == "Why%FF%ED%A0%80?"
