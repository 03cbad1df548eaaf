"""What is said in the language of the reader, and what services say in English, is marked as what it is."""

import re
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Engine

from feedback_app.sentences import Sentence, gettext, in_english, lazy_gettext, ngettext, spoken
from services.errors.tree import InvalidInput
from services.settings import ROOT
from tests.feedback_app.conftest import Visitor
from tests.feedback_app.test_comparing import add_pair, begin

IN_ENGLISH = 'lang="en" dir="ltr"'
TEMPLATES = sorted((ROOT / "feedback_app" / "templates").glob("*.html"))


def test_a_sentence_stays_one_through_an_error_and_until_it_is_shown(app: Flask):
    with app.test_request_context():
        said = [gettext("Undo"), ngettext("%(num)d star", "%(num)d stars", 2), str(lazy_gettext("Undo"))]
    said += [str(InvalidInput(one)) for one in said]
    assert all(isinstance(one, Sentence) for one in said)
    assert {spoken(one) for one in said} == {'dir="auto"'}
    assert spoken(str(InvalidInput("What services say."))) == IN_ENGLISH


def test_what_services_say_is_escaped():
    assert in_english("<b>") == f"<span {IN_ENGLISH}>&lt;b&gt;</span>"


def test_a_refusal_is_said_to_be_in_its_language(visitor: Visitor, clean: Engine):
    add_pair(clean)
    path = begin(visitor)
    visitor.client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "ar"
    of_a_service = visitor.submit(visitor.get("/p/pirate"), "/p/pirate/ask", question=" ").text
    assert re.search(rf'id="ask-problem" {IN_ENGLISH}>[A-Z]', of_a_service)
    of_the_app = visitor.submit(visitor.get(path), path, choice="").text
    assert re.search(r'id="choice-problem" dir="auto">[^A-Za-z]', of_the_app)
    nowhere = visitor.get("/nowhere").text
    assert re.search(r'role="alert" dir="auto">[^A-Za-z]', nowhere)
    missing = visitor.get("/comparisons/00000000-0000-0000-0000-000000000000").text
    assert re.search(rf'role="alert" {IN_ENGLISH}>These two answers', missing)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_what_a_template_says_to_be_english_is_read_from_left_to_right(path: Path):
    """But the page of a file, which is in English as a whole."""
    found = re.findall(r'<(?!html)[^<>]*lang="en"[^<>]*>', path.read_text(encoding="utf-8"))
    assert [tag for tag in found if IN_ENGLISH not in tag] == []
