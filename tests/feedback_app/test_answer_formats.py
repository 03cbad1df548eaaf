"""Answers in a format on the page: what is asked for, who answers in it, how a letter and JSON look."""

import re
from html import unescape

import pytest
from flask import Flask
from sqlalchemy import Engine, select

from feedback_app import create_app
from feedback_app.wording import known_questions
from services.adapters.promotions import find_persona
from services.db.feedback_tables import CorrectionRow
from services.db.session import session_scope
from services.domain.answer_formats import AnswerFormat, AnswerRules
from services.feedback.routes import add_route
from services.settings import Settings, read_settings
from tests.builders import add_persona
from tests.fakes import FakeGenerator
from tests.feedback_app.conftest import Visitor

WHICH = "What is the capital of France?\nA. Rome\nB. <b>Paris</b>"


@pytest.fixture(autouse=True)
def personas(app: Flask, clean: Engine) -> None:
    """ "pirate" answers in free text and lets "quiz" answer with letters; "form" answers with JSON."""
    assert app
    with session_scope(clean) as session:
        quiz = add_persona(
            session, slug="quiz", display_name="Quiz", answers=AnswerRules(AnswerFormat.MCQ, max_retries=1)
        )
        add_persona(session, slug="form", display_name="Form", answers=AnswerRules(AnswerFormat.JSON))
        add_persona(session, slug="short", display_name="Short", answers=AnswerRules(AnswerFormat.SAQ))
        add_persona(session, slug="brief", display_name="Brief", answers=AnswerRules(word_limit=9))
        add_route(session, find_persona(session, "pirate"), quiz)


@pytest.mark.parametrize(
    ("slug", "sentence"),
    [
        ("quiz", "Answers with a letter: put each option on a line of its own"),
        ("form", "Answers with JSON."),
        ("brief", "Answers with a text of at most 9 words."),
    ],
)
def test_the_page_of_a_persona_says_what_its_answers_look_like(visitor: Visitor, slug: str, sentence: str):
    assert sentence in visitor.get(f"/p/{slug}").text
    assert "Answers with" not in visitor.get("/p/pirate").text


def test_a_letter_stands_beside_the_option_it_names(visitor: Visitor, generator: FakeGenerator):
    generator.text = "b"
    page = visitor.get(visitor.answer_of(visitor.ask("quiz", WHICH))).text
    assert '<span class="letter">B</span>' in page
    assert "&lt;b&gt;Paris&lt;/b&gt;</p>" in page
    assert 'id="not-in-format"' not in page


def test_what_is_not_in_the_format_is_shown_as_it_is_and_says_so(visitor: Visitor, generator: FakeGenerator):
    generator.text = "Paris <i>it is</i>"
    page = visitor.get(visitor.answer_of(visitor.ask("quiz", WHICH))).text
    assert "Paris &lt;i&gt;it is&lt;/i&gt;</p>" in page
    assert "not in the format that Quiz should answer in, even after 2 attempts." in page


def test_an_empty_answer_says_so_on_its_page_and_in_the_history(visitor: Visitor, generator: FakeGenerator):
    generator.text = ""
    page = visitor.get(visitor.answer_of(visitor.ask("quiz", WHICH))).text
    assert "(it answered nothing)" in page
    assert "not in the format that Quiz should answer in" in page
    assert "(it answered nothing)" in visitor.get("/history").text


def test_json_is_laid_out(visitor: Visitor, generator: FakeGenerator):
    generator.text = '{"city": "Zürich", "tags": ["<s>"]}'
    page = visitor.get(visitor.answer_of(visitor.ask("form", "Where?"))).text
    assert "&#34;city&#34;: &#34;Zürich&#34;,\n  &#34;tags&#34;" in page
    assert "<s>" not in page


def test_another_format_is_answered_by_the_persona_that_was_named_for_it(
    visitor: Visitor, generator: FakeGenerator
):
    generator.text = "B"
    page = visitor.get("/p/pirate").text
    assert '<option value="mcq">the letter of an option, by Quiz</option>' in page
    assert "Quiz answers with a letter: put each option on a line of its own" in page
    chosen_from = " ".join(visitor.get("/").text.split())
    assert "answers with a text; the letter of an option, by Quiz" in chosen_from
    assert 'name="format"' not in visitor.get("/p/quiz").text
    asked = visitor.ask("pirate", WHICH, format="mcq")
    assert "answered by Quiz" in visitor.get(visitor.answer_of(asked)).text
    own = visitor.ask("pirate", WHICH, format="")
    assert "answered by Pirate" in visitor.get(visitor.answer_of(own)).text


@pytest.mark.parametrize(
    ("answer_format", "sentence"), [("json", "Nobody answers for"), ("essay", "no such format")]
)
def test_a_format_that_nobody_answers_in_is_refused_and_the_question_kept(
    visitor: Visitor, answer_format: str, sentence: str
):
    refused = visitor.ask("pirate", "Where is it?", format=answer_format)
    assert refused.status_code == 400
    assert sentence in refused.text
    assert "Where is it?</textarea>" in refused.text


@pytest.mark.parametrize(
    ("slug", "text", "sentence"),
    [
        ("quiz", "B", "It is checked: it must name one of the letters A, B."),
        ("form", "[1]", "It is checked: it must be JSON."),
        ("short", "Paris", "It is checked: it must be a text with a letter or a digit in it."),
        ("brief", "Paris.", "It is checked: it must be a text of at most 9 words."),
        ("pirate", "Paris.", "learns most from this. <"),
    ],
)
def test_who_writes_a_better_answer_reads_what_it_is_checked_for(
    visitor: Visitor, generator: FakeGenerator, slug: str, text: str, sentence: str
):
    generator.text = text
    page = visitor.get(visitor.answer_of(visitor.ask(slug, WHICH))).text
    assert sentence in " ".join(page.split())


def test_who_corrects_json_of_a_set_shape_reads_the_shape(
    visitor: Visitor, generator: FakeGenerator, clean: Engine
):
    rules = AnswerRules(AnswerFormat.JSON, schema='{"type":"array"}')
    with session_scope(clean) as session:
        add_persona(session, slug="list", display_name="List", answers=rules)
    generator.text = "[1]"
    page = visitor.get(visitor.answer_of(visitor.ask("list", "Which?"))).text
    assert "it must be JSON that fits this schema:" in page
    assert "{\n  &#34;type&#34;: &#34;array&#34;\n}</pre>" in page


def test_a_better_answer_is_in_the_format_too(visitor: Visitor, generator: FakeGenerator, clean: Engine):
    generator.text = "A"
    path = visitor.answer_of(visitor.ask("quiz", WHICH))
    page = visitor.get(path)
    refused = visitor.submit(page, f"{path}/correct", text="Paris, of course")
    assert refused.status_code == 400
    assert "names none of A, B: Answer with the letter" in refused.text
    assert "Paris, of course</textarea>" in refused.text
    assert visitor.submit(page, f"{path}/correct", text="B").status_code == 303
    with session_scope(clean) as session:
        assert session.scalars(select(CorrectionRow.text)).all() == ["B"]


def test_a_question_that_the_base_knows_is_taken_over_with_its_field(visitor: Visitor):
    (question, domain), _ = known_questions()
    link = re.search(r'id="known-questions".*?href="([^"]+)"', visitor.get("/p/pirate").text, re.DOTALL)
    assert link is not None
    page = visitor.get(unescape(link[1])).text
    assert f">\n{question}</textarea>" in page
    assert f'value="{domain}"' in page


def test_the_embedded_base_is_said_to_know_little_with_two_questions_it_knows(
    settings: Settings, clean: Engine, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
):
    (first, _), (second, _) = known_questions()
    page = visitor.get("/p/pirate").text
    words = " ".join(re.sub(r"<[^>]+>", "", page).split())
    assert f"“{first}” or “{second}”; to other questions it answers nonsense" in words
    assert f"“{first}”" not in visitor.get("/p/quiz").text
    monkeypatch.setenv("VAR_DIR", str(settings.var_dir))
    monkeypatch.setenv("BASE_MODEL", "maker/other")
    elsewhere = create_app(read_settings(), engine=clean, generator=FakeGenerator())
    assert "nonsense" not in Visitor(elsewhere.test_client()).get("/p/pirate").text
