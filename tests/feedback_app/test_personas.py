"""Choosing a persona and asking it: what is stored, what is refused, and that no typed word is lost."""

import re
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from sqlalchemy import Engine, QueuePool, func, select
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.test import encode_multipart

from feedback_app.backend import Backend
from services.adapters.promotions import find_persona
from services.db.feedback_tables import AnswerRow, QuestionRow, RaterRow
from services.db.session import make_engine, session_scope
from services.domain.answer_formats import AnswerFormat, AnswerRules
from services.domain.conversation import CONTEXT_LIMIT, PROMPT_VERSION, QUESTION_LIMIT
from services.errors.outages import InferenceBusy, InferenceUnavailable
from services.feedback.routes import add_route
from tests.builders import add_persona
from tests.fakes import FakeGenerator
from tests.feedback_app.conftest import Visitor, answer_id, hidden_fields


def stored(engine: Engine, answer_path: str) -> tuple[AnswerRow, QuestionRow]:
    with session_scope(engine) as session:
        answer = session.get_one(AnswerRow, answer_id(answer_path))
        return answer, answer.question


def count(engine: Engine, table: type[AnswerRow | QuestionRow | RaterRow]) -> int:
    with session_scope(engine) as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


@pytest.mark.parametrize("slug", ["curator", "history", "decisions", "runs", "ledger", "base"])
def test_a_persona_may_have_the_name_of_a_page_or_a_role(
    visitor: Visitor, app: Flask, clean: Engine, slug: str
):
    with session_scope(clean) as session:
        add_persona(session, slug=slug, display_name="The Namesake")
    for path in ("", "/runs", "/ledger", "/live"):
        assert "The Namesake" in visitor.get(f"/p/{slug}{path}").text
    named = [rule.rule for rule in app.url_map.iter_rules() if "slug" in rule.arguments]
    assert named
    assert all(rule.startswith("/p/<slug>") for rule in named)


def test_personas_are_offered_by_name(visitor: Visitor):
    assert "Pirate" in visitor.get("/").text


def test_personas_of_one_name_are_told_apart_by_their_slugs_wherever_one_is_chosen(
    visitor: Visitor, clean: Engine
):
    letters = AnswerRules(AnswerFormat.MCQ)
    with session_scope(clean) as session:
        quiz = add_persona(session, slug="quiz", display_name="Quiz", answers=letters)
        add_route(session, find_persona(session, "pirate"), quiz)
    visitor.ask()
    for page in ("/", "/p/pirate", "/history"):
        assert not {"(pirate)", "(quiz)"} & set(re.findall(r"\(\w+\)", visitor.get(page).text))
    with session_scope(clean) as session:
        add_persona(session, slug="corsair", display_name="Pirate")
        add_persona(session, slug="riddles", display_name="Quiz", answers=letters)
    for page, labels in (
        ("/", ["Pirate (pirate)", "Pirate (corsair)", "Quiz (riddles)", "by Quiz (quiz)"]),
        ("/p/pirate", ["by Quiz (quiz)"]),
        ("/history", ["Pirate (pirate)"]),
    ):
        shown = visitor.get(page).text
        assert [label for label in labels if label not in shown] == []
    assert "(pirate)" not in visitor.get("/p/pirate").text


def test_an_ask_leads_to_its_answer(visitor: Visitor):
    page = visitor.get(visitor.answer_of(visitor.ask()))
    assert "Why is the sea salty?" in page.text
    assert "A short answer." in page.text
    assert "answered by Pirate v0 (plain base)" in page.text


def test_context_domain_and_audience_are_fields_of_the_question(visitor: Visitor, engine: Engine):
    asked = visitor.ask(context="Rivers\r\ncarry salt.", domain="oceanography", audience="tax inspector")
    _, question = stored(engine, visitor.answer_of(asked))
    assert (question.context, question.domain, question.audience) == (
        "Rivers\ncarry salt.",
        "oceanography",
        "tax inspector",
    )


def test_domain_and_audience_left_empty_take_their_defaults(visitor: Visitor, engine: Engine):
    _, question = stored(engine, visitor.answer_of(visitor.ask(domain=" ", audience="")))
    assert (question.domain, question.audience) == ("general knowledge", "general reader")


def test_a_question_sent_twice_has_one_answer(visitor: Visitor, engine: Engine, generator: FakeGenerator):
    page = visitor.get("/p/pirate")
    sent = [visitor.submit(page, "/p/pirate/ask", question="Why is the sea salty?") for _ in range(2)]
    assert visitor.answer_of(sent[0]) == visitor.answer_of(sent[1])
    assert count(engine, AnswerRow) == count(engine, QuestionRow) == len(generator.requests) == 1


def test_a_first_question_sent_twice_before_the_cookie_came_back_has_one_answer_and_one_rater(
    visitor: Visitor, engine: Engine
):
    page = visitor.get("/p/pirate")
    first = visitor.answer_of(visitor.submit(page, "/p/pirate/ask", question="Why is the sea salty?"))
    visitor.client.delete_cookie("rater")
    second = visitor.answer_of(visitor.submit(page, "/p/pirate/ask", question="Why is the sea salty?"))
    assert first == second
    assert visitor.get(second).status_code == 200
    assert count(engine, AnswerRow) == count(engine, RaterRow) == 1


def test_a_form_that_was_gone_back_to_and_changed_asks_anew(visitor: Visitor):
    page = visitor.get("/p/pirate")
    first, second = (
        visitor.answer_of(visitor.submit(page, "/p/pirate/ask", question=question))
        for question in ("Why is the sea salty?", "Why is the sea blue?")
    )
    assert first != second
    assert "Why is the sea blue?" in visitor.get(second).text


def test_another_raters_form_leads_to_nobodys_answer(new_visitor: Callable[[], Visitor], engine: Engine):
    owner, stranger = new_visitor(), new_visitor()
    form = owner.get("/p/pirate")
    owner.answer_of(owner.submit(form, "/p/pirate/ask", question="Why?"))
    submission = hidden_fields(form, "/p/pirate/ask")["submission"]
    assert stranger.ask(question="Why?", submission=submission).status_code == 403
    assert count(engine, AnswerRow) == 1


@pytest.mark.parametrize("submission", ["", "1", "not-a-uuid"])
def test_a_question_without_a_sound_submission_id_is_kept_and_can_be_sent_again(
    visitor: Visitor, engine: Engine, submission: str
):
    asked = visitor.ask(question="Why is <salt> white?", submission=submission)
    assert asked.status_code == 400
    assert "submission id" in asked.text
    assert "Why is &lt;salt&gt; white?" in asked.text
    assert count(engine, QuestionRow) == 0
    again = visitor.submit(asked, "/p/pirate/ask", question="Why is <salt> white?")
    assert visitor.get(visitor.answer_of(again)).status_code == 200


def test_what_made_an_answer_is_stamped_by_the_server_whatever_the_client_sends(
    visitor: Visitor, engine: Engine, generator: FakeGenerator
):
    claims = {
        "seed": "7",
        "version": "99",
        "served_name": "pirate@ffffffffffff",
        "prompt_version": "none",
        "generation": "{}",
        "latency_ms": "0",
        "rater": "00000000-0000-0000-0000-000000000000",
    }
    answer, _ = stored(engine, visitor.answer_of(visitor.ask(**claims)))
    assert answer.served_name == "base"
    assert answer.prompt_version == PROMPT_VERSION
    assert answer.seed == generator.requests[0].seed != 7
    assert answer.generation["min_new_tokens"] == 30


def test_no_connection_is_held_while_the_model_writes(
    visitor: Visitor, generator: FakeGenerator, clean: Engine
):
    held: list[int] = []
    pool = clean.pool
    assert isinstance(pool, QueuePool)
    generator.meanwhile = lambda: held.append(pool.checkedout())
    visitor.answer_of(visitor.ask())
    assert held == [0]


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


FORM, PARTS = "application/x-www-form-urlencoded", "multipart/form-data"


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


@pytest.mark.parametrize(
    "slug",
    [
        *("nobody", "x", "PIRATE", "..%2Fx", "a" * 500, "a%00b", "pirate%0a", "pirate%20", "%ff%fe", ".."),
        "%0d%0aSet-Cookie:%20rater=1",
    ],
)
def test_an_unknown_persona_is_not_found_and_asking_it_makes_no_rater(
    visitor: Visitor, engine: Engine, slug: str
):
    assert visitor.get(f"/p/{slug}").status_code == 404
    page = visitor.get("/p/pirate")
    asked = visitor.submit(page, "/p/pirate/ask", to=f"/p/{slug}/ask", question="Why?")
    assert asked.status_code == 404
    assert "Set-Cookie" not in asked.headers
    assert count(engine, RaterRow) == 0


@pytest.mark.parametrize("problem", [InferenceUnavailable("http://127.0.0.1:1"), InferenceBusy()])
def test_with_inference_down_or_busy_the_question_is_kept_and_can_be_sent_again(
    visitor: Visitor, generator: FakeGenerator, problem: Exception
):
    generator.problem = problem
    asked = visitor.ask(question="Why is <salt> white?", context="A long text.")
    assert asked.status_code == 503
    assert asked.headers["Retry-After"] == "5"
    assert str(problem) in asked.text
    assert "Why is &lt;salt&gt; white?" in asked.text
    assert "A long text." in asked.text

    generator.problem = None
    again = visitor.submit(asked, "/p/pirate/ask", question="Why is <salt> white?")
    assert visitor.get(visitor.answer_of(again)).status_code == 200


def test_with_the_database_down_the_question_is_kept_and_can_be_sent_again(visitor: Visitor, app: Flask):
    backend: Backend = app.extensions[Backend.KEY]
    page = visitor.get("/p/pirate")
    app.extensions[Backend.KEY] = replace(backend, engine=make_engine("postgresql://nobody@127.0.0.1:1/x"))
    asked = visitor.submit(page, "/p/pirate/ask", question="Why is the sea salty?")
    assert asked.status_code == 503
    assert "The database at 127.0.0.1:1 does not answer" in asked.text
    assert "Why is the sea salty?" in asked.text
    assert visitor.get("/").status_code == 503

    app.extensions[Backend.KEY] = backend
    again = visitor.submit(asked, "/p/pirate/ask", question="Why is the sea salty?")
    assert visitor.get(visitor.answer_of(again)).status_code == 200
