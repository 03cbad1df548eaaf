"""Choosing a persona and asking it: what is stored, what is refused, and that no typed word is lost."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import Engine, QueuePool

from feedback_app.backend import Backend
from services.adapters.promotions import find_persona
from services.db.feedback_tables import AnswerRow, QuestionRow, RaterRow
from services.db.session import make_engine, session_scope
from services.domain.answer_formats import AnswerFormat, AnswerRules
from services.domain.conversation import PROMPT_VERSION
from services.errors.outages import InferenceBusy, InferenceUnavailable
from services.feedback.routes import add_route
from tests.builders import add_persona
from tests.fakes import FakeGenerator
from tests.feedback_app.conftest import Visitor, count, hidden_fields, stored


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
    assert all(rule.startswith(("/p/<slug>", "/api/v1/personas/<slug>")) for rule in named)


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
    assert "did not arrive whole" in asked.text
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
