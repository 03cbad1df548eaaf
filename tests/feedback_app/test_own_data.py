"""A rater's own data in the browser: told, taken along, deleted."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from flask import Flask
from sqlalchemy import Engine, select

from feedback_app.backend import Backend
from services.adapters.promotions import find_persona, who_serves
from services.db.agreement_tables import AgreementRow
from services.db.feedback_tables import AnswerRow, CorrectionRow, QuestionRow, RaterRow
from services.db.lineage_tables import TrainingSetSourcesRow
from services.db.session import session_scope
from services.domain.feedback import RaterId
from services.domain.roles import Role
from services.domain.training import RunState
from services.feedback.own_data import own_counts, own_data
from tests.builders import AT
from tests.fake_airflow import running_airflow
from tests.feedback_app.conftest import Visitor
from tests.lineage_builders import add_run, add_serving_version, add_training_set

OWN_WORDS = "Why does my grandmother salt the soup <twice>?"


@pytest.fixture
def said(visitor: Visitor) -> str:
    """An answer of the visitor's that was rated and corrected."""
    path = visitor.answer_of(visitor.ask(question=OWN_WORDS))
    visitor.submit(visitor.get(path), f"{path}/rate", stars="2")
    visitor.submit(visitor.get(path), f"{path}/correct", text="Arr, 'tis the second salt!")
    return path


def delete(visitor: Visitor, **fields: str):
    return visitor.submit(visitor.get("/your-data"), "/your-data/delete", **fields)


def test_nothing_is_kept_of_who_said_nothing(visitor: Visitor):
    assert "Nothing is kept of you" in visitor.get("/your-data").text
    assert visitor.get("/your-data/export").status_code == 403


@pytest.mark.usefixtures("said")
def test_all_that_was_said_is_taken_along_and_nobody_elses(
    visitor: Visitor, new_visitor: Callable[[], Visitor]
):
    new_visitor().ask(question="Somebody else's?")
    told = json.loads(visitor.get("/your-data/export").text)
    assert [one["question"] for one in told["questions"]] == [OWN_WORDS]
    assert told["questions"][0]["answer"]
    assert [one["stars"] for one in told["ratings"]] == [2]
    assert [one["text"] for one in told["corrections"]] == ["Arr, 'tis the second salt!"]
    assert "1 correction<" in visitor.get("/your-data").text


def test_deleting_takes_the_words_at_once_and_the_browser_is_nobody_again(
    visitor: Visitor, said: str, clean: Engine
):
    deleted = delete(visitor, sure="yes")
    shown = visitor.get(deleted.location).text
    assert "All you said here is deleted." in shown
    assert "is being replaced" not in shown
    assert visitor.client.get_cookie("rater") is None
    with session_scope(clean) as session:
        assert set(session.scalars(select(QuestionRow.text))) == {""}
        assert set(session.scalars(select(AnswerRow.text))) == {""}
        assert set(session.scalars(select(CorrectionRow.text))) == {""}
        assert session.scalars(select(RaterRow)).one().erased_at is not None
    assert visitor.get(said).status_code in {403, 404}
    again = visitor.answer_of(visitor.ask())
    assert visitor.get(again).status_code == 200


@pytest.mark.usefixtures("said")
def test_that_they_agreed_stays_and_is_counted_of_nobody(visitor: Visitor, clean: Engine):
    delete(visitor, sure="yes")
    with session_scope(clean) as session:
        agreed = session.scalars(select(AgreementRow)).one()
        assert set(own_counts(session, RaterId(agreed.rater_id), at=AT).values()) == {0}
        assert not any(own_data(session, RaterId(agreed.rater_id), at=AT).values())


def test_what_is_kept_is_told_in_the_words_that_are_agreed_to(visitor: Visitor):
    page = visitor.get(visitor.answer_of(visitor.ask()))
    told, agreed_to = (
        re.search(r'<ul id="agreement-text">.*?</ul>', one.text, re.DOTALL)
        for one in (visitor.get("/your-data"), page)
    )
    assert told
    assert agreed_to
    words, agreed_words = (" ".join(re.sub(r"<[^>]+>", " ", one[0]).split()) for one in (told, agreed_to))
    assert words == agreed_words
    assert '<a href="/your-data">' in agreed_to[0]
    assert "<a " not in told[0]


def test_without_the_box_nothing_is_deleted(visitor: Visitor, said: str):
    assert delete(visitor).status_code == 400
    assert visitor.get(said).status_code == 200


def test_an_account_goes_on_as_another_rater(visitor: Visitor, clean: Engine):
    visitor.sign_in(Role.CURATOR)
    visitor.ask(question=OWN_WORDS)
    delete(visitor, sure="yes")
    visitor.sign_in(Role.CURATOR)
    assert "Nothing is kept of you" in visitor.get("/your-data").text
    asked = visitor.answer_of(visitor.ask())
    assert visitor.get(asked).status_code == 200
    with session_scope(clean) as session:
        assert len(session.scalars(select(RaterRow)).all()) == 2


@pytest.fixture
def learnt(said: str, clean: Engine) -> str:
    """A version that learnt from it serves."""
    with session_scope(clean) as session:
        persona = find_persona(session, "pirate")
        learnt = add_training_set(session, persona, cutoff=datetime.now(UTC))
        ids = list(session.scalars(select(CorrectionRow.id)))
        session.add(TrainingSetSourcesRow(training_set_id=learnt.id, kind="correction", ids=ids))
        run = add_run(session, learnt, state=RunState.SUCCEEDED)
        add_serving_version(session, persona, number=1).training_run_id = run.id
    return said


@pytest.mark.usefixtures("learnt")
def test_what_learnt_from_them_serves_no_more_where_airflow_does_not_answer(visitor: Visitor, clean: Engine):
    assert "v1 learnt from your better answer" in visitor.get("/history").text
    deleted = delete(visitor, sure="yes")
    with session_scope(clean) as session:
        assert who_serves(session, find_persona(session, "pirate")).number == 0
    assert "is being replaced" not in visitor.get(deleted.location).text


@pytest.mark.usefixtures("learnt")
def test_what_learnt_from_them_is_replaced_where_airflow_answers(visitor: Visitor, app: Flask, clean: Engine):
    backend = app.extensions[Backend.KEY]
    with running_airflow() as airflow:
        reached = backend.settings.model_copy(update={"airflow_url": airflow.url})
        app.extensions[Backend.KEY] = replace(backend, settings=reached)
        deleted = delete(visitor, sure="yes")
    assert [dag for dag, _ in airflow.runs.values()] == ["erase_rater"]
    with session_scope(clean) as session:
        assert who_serves(session, find_persona(session, "pirate")).number == 1
    assert "What learnt from it and answers now is being replaced." in visitor.get(deleted.location).text


def test_a_correction_that_no_version_learnt_is_not_said_to_have_shipped(visitor: Visitor, said: str):
    assert said in visitor.get("/history").text
    assert "shipped" not in visitor.get("/history").text
