"""Errors as pages: a status for every class of the tree, a sentence for people, a number for the log."""

import logging
from collections.abc import Iterator

import pytest
from flask import Flask

from feedback_app.error_pages import status_of
from services.errors.artifacts import AdapterMissing
from services.errors.inputs import EmptyText, StarsOutOfRange
from services.errors.lookups import UnknownAnswer, UnknownPersona
from services.errors.outages import DatabaseUnavailable, InferenceBusy
from services.errors.people import NotTheAsker
from services.errors.refusals import PersonaExists
from services.errors.training import NothingToLearn
from services.errors.tree import PersonaLoopError
from tests.fakes import FakeGenerator
from tests.feedback_app.conftest import Visitor


def tree(root: type[PersonaLoopError]) -> Iterator[type[PersonaLoopError]]:
    yield root
    for child in root.__subclasses__():
        yield from tree(child)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (EmptyText("question"), 400),
        (StarsOutOfRange(7), 400),
        (UnknownPersona("nobody"), 404),
        (UnknownAnswer("1"), 404),
        (NotTheAsker(), 403),
        (PersonaExists("pirate"), 409),
        (InferenceBusy(), 503),
        (DatabaseUnavailable("here"), 503),
        (AdapterMissing("pirate@1"), 500),
        (NothingToLearn("empty"), 500),
    ],
)
def test_an_error_has_the_status_of_its_nearest_class(error: PersonaLoopError, status: int):
    assert status_of(error) == status


def test_every_class_of_the_tree_has_a_status():
    for kind in tree(PersonaLoopError):
        assert status_of(kind.__new__(kind)).value >= 400


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/p/nobody", "There is no persona “nobody”: the page of the personas shows"),
        ("/runs/404", "There is no training run 404: choose a persona"),
        (f"/{'x' * 100}", f"There is no page /{'x' * 59}…: begin with the personas"),
    ],
)
def test_what_is_missing_is_named_with_where_to_go_and_no_command_of_a_shell(
    visitor: Visitor, path: str, sentence: str
):
    missing = visitor.get(path)
    assert (missing.status_code, sentence in missing.text) == (404, True)
    assert "persona-loop " not in missing.text.split("<main")[1].split("</main>")[0]


@pytest.mark.parametrize("problem", [RuntimeError("secret detail"), NothingToLearn("secret detail")])
def test_the_unexpected_is_a_plain_page_with_a_number_that_the_log_knows(
    visitor: Visitor, generator: FakeGenerator, caplog: pytest.LogCaptureFixture, problem: Exception
):
    generator.problem = problem
    with caplog.at_level(logging.INFO):
        asked = visitor.ask(question="Why is the sea salty?")
    assert asked.status_code == 500
    assert "secret detail" not in asked.text
    assert "Why is the sea salty?" in asked.text
    logged = next(record for record in caplog.records if record.levelname == "ERROR")
    number = str(logged.args[0]) if isinstance(logged.args, tuple) else ""
    assert f"tell us this number: {number}." in asked.text
    assert logged.exc_info is not None
    assert logged.exc_info[1] is problem
    assert f"error={number}" in caplog.text


@pytest.mark.parametrize("path", ["/nowhere", "/p/", "/answers/", "/static/none.css", "/p/../../etc/passwd"])
def test_an_address_that_does_not_exist_says_where_to_go(visitor: Visitor, path: str):
    page = visitor.get(path)
    assert page.status_code == 404
    assert "begin with the personas, or with your history." in page.text


def test_a_wrong_method_is_a_page_too(visitor: Visitor, app: Flask):
    assert "/p/<slug>/ask" in {rule.rule for rule in app.url_map.iter_rules()}
    page = visitor.get("/p/pirate/ask")
    assert page.status_code == 405
    assert "only takes forms of this site" in page.text
