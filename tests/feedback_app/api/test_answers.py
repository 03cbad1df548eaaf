"""Asking and reading in the name of end users, whom no two clients share."""

from collections.abc import Callable
from threading import Barrier, Thread
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import select, text

from feedback_app.backend import Backend
from services.db.feedback_tables import AnswerRow, QuestionRow, RaterRow
from services.db.session import session_scope
from services.errors.inputs import TextTooLong
from services.errors.outages import InferenceBusy
from tests.fakes import FakeGenerator
from tests.feedback_app.api.conftest import Api


def test_an_answer_comes_whole_and_is_there_to_be_read_again(api: Api):
    answer = api.ask("Why is the sea salty?")
    assert answer["text"] == "A short answer."
    assert (answer["persona"], answer["version"], answer["audience"]) == ("pirate", 0, "general reader")
    assert api.get(f"/answers/{answer['id']}").get_json() == answer


def test_a_conversation_goes_on_from_an_answer_with_what_was_said(api: Api, generator: FakeGenerator):
    first = api.ask("Why is the sea salty?")
    generator.text = "Most are not."
    body, keys = {"question": "And lakes?"}, ("a", "a", "b")
    asked = [api.post(f"/answers/{first['id']}/answers", body, key=key) for key in keys]
    assert [one.status_code for one in asked] == [201, 201, 201]
    assert asked[0].data == asked[1].data
    then = asked[0].get_json()
    assert (then["persona"], then["question"], then["text"]) == ("pirate", "And lakes?", "Most are not.")
    assert "Why is the sea salty?" in then["context"]
    assert "A short answer." in then["context"]
    assert api.get(f"/answers/{then['id']}").get_json() == then
    assert len(generator.requests) == 3
    wrong = api.post(f"/answers/{first['id']}/answers", {"question": "And?", "domain": "lakes"})
    assert [one["field"] for one in wrong.get_json()["errors"]] == ["domain"]
    assert api.post(f"/answers/{uuid4()}/answers", body).status_code == 404


def test_nobody_goes_on_from_an_answer_that_another_was_given(new_api: Callable[..., Api]):
    answer = new_api("one").ask()["id"]
    for other in (new_api("one again", end_user="u1"), new_api("other", end_user="u2")):
        other.ask()
        assert other.post(f"/answers/{answer}/answers", {"question": "And mine?"}).status_code == 404


def test_what_is_asked_keeps_every_byte(api: Api):
    question = "Wieso?\r\n\u202e\U0001f3f4\u200d\u2620 <script>alert(1)</script>"
    assert api.ask(question)["question"] == question


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "question"),
        ({"question": " \n "}, "question"),
        ({"question": "a\0b"}, "question"),
        ({"question": "\ud800"}, "body"),  # half of a character is no JSON
        ({"question": "x" * 4001}, "question"),
        ({"question": 7}, "question"),
        ({"question": "Why?", "audience": ""}, "audience"),
        ({"question": "Why?", "rater_id": str(uuid4())}, "rater_id"),
        ([], "body"),
    ],
)
def test_a_wrong_field_is_named(api: Api, body: object, field: str):
    refused = api.post("/personas/pirate/answers", body)
    assert refused.status_code == 400
    assert [one["field"] for one in refused.get_json()["errors"]] == [field]


@pytest.mark.parametrize("header", ["End-User", "Idempotency-Key"])
@pytest.mark.parametrize("value", [None, "", "with space", "x" * 129, "é"])
def test_a_header_that_is_missing_or_unfit_is_named(api: Api, header: str, value: str | None):
    refused = api.post("/personas/pirate/answers", {"question": "Why?"}, **{header: value})
    assert refused.status_code == 400
    assert refused.get_json()["errors"][0]["field"] == header


def test_a_question_too_long_for_the_model_leaves_nobody_behind(
    app: Flask, api: Api, generator: FakeGenerator
):
    generator.problem = TextTooLong("question", length=9000, limit=4096, unit="tokens")
    refused = api.post("/personas/pirate/answers", {"question": "Why?"}, key="k")
    assert refused.get_json()["errors"][0]["field"] == "question"
    with session_scope(app.extensions[Backend.KEY].engine) as session:
        assert session.scalars(select(RaterRow)).all() == []
    generator.problem = None
    assert api.ask("Shorter?", key="k")["question"] == "Shorter?"


@pytest.mark.parametrize("path", ["", "/ratings", "/corrections"])
def test_what_another_client_was_answered_is_as_if_it_were_not_there(new_api: Callable[..., Api], path: str):
    one, other = new_api("one"), new_api("other")
    answer = one.ask()["id"]
    theirs, nobodys = other.get(f"/answers/{answer}{path}"), other.get(f"/answers/{uuid4()}{path}")
    assert (theirs.status_code, theirs.data) == (404, nobodys.data)
    other.ask()
    assert other.get(f"/answers/{answer}{path}").data == nobodys.data
    one.end_user = "u2"
    assert one.get(f"/answers/{answer}{path}").data == nobodys.data
    assert one.get("/answers").get_json() == {"items": [], "next": None}


def test_the_same_key_gives_the_same_answer_and_asks_no_model_again(api: Api, generator: FakeGenerator):
    first = api.ask("Why?", key="k")
    generator.text = "Another answer."
    assert api.ask("Why?", key="k") == first
    assert len(generator.requests) == 1
    refused = api.post("/personas/pirate/answers", {"question": "Why not?"}, key="k")
    assert refused.status_code == 409
    assert refused.get_json()["type"] == "urn:persona-loop:problem:key-reused"


def test_a_key_is_one_clients(new_api: Callable[..., Api]):
    one, other = new_api("one"), new_api("other")
    assert one.ask(key="k")["id"] != other.ask(key="k")["id"]


def test_after_an_outage_the_same_key_goes_on(app: Flask, api: Api, generator: FakeGenerator):
    generator.problem = InferenceBusy()
    busy = api.post("/personas/pirate/answers", {"question": "Why?"}, key="k")
    assert (busy.status_code, busy.headers["Retry-After"]) == (503, "5")
    generator.problem = None
    api.ask("Why?", key="k")
    with session_scope(app.extensions[Backend.KEY].engine) as session:
        assert len(session.scalars(select(QuestionRow)).all()) == 1


def test_two_at_once_under_one_key_have_one_answer(app: Flask, api: Api, generator: FakeGenerator):
    api.ask()  # the end user is known
    both, found = Barrier(2), []
    generator.meanwhile = both.wait

    def send() -> None:
        mine = Api(app.test_client(), api.token)
        found.append(mine.ask("Why?", key="k"))

    threads = [Thread(target=send) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(found) == 2
    assert found[0] == found[1]
    with session_scope(app.extensions[Backend.KEY].engine) as session:
        assert len(session.scalars(select(AnswerRow)).all()) == 2


def test_pages_neither_repeat_nor_hide_while_more_is_asked(api: Api):
    asked = [api.ask(f"Number {number}?")["id"] for number in range(5)][::-1]
    first = api.get("/answers?limit=2").get_json()
    api.ask("Meanwhile?")
    second = api.get(f"/answers?limit=2&cursor={first['next']}").get_json()
    third = api.get(f"/answers?limit=2&cursor={second['next']}").get_json()
    assert [one["id"] for page in (first, second, third) for one in page["items"]] == asked
    assert third["next"] is None


def test_a_cursor_is_good_for_its_list_and_its_reader(api: Api, new_api: Callable[..., Api]):
    for _ in range(2):
        api.ask()
    cursor = api.get("/answers?limit=1").get_json()["next"]
    other = new_api("other")
    other.ask()
    for refused in (
        other.get(f"/answers?cursor={cursor}"),
        api.get(f"/personas?cursor={cursor}"),
        api.get(f"/answers?cursor={cursor}x"),
    ):
        assert refused.get_json()["type"] == "urn:persona-loop:problem:unknown-page"


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "limit=1&limit=2", "offset=1"])
def test_a_parameter_that_is_none_is_named(api: Api, query: str):
    refused = api.get(f"/answers?{query}")
    assert refused.status_code == 400
    assert refused.get_json()["errors"][0]["field"] == query.partition("=")[0]


def test_which_version_answered_is_not_told_while_it_is_on_trial(app: Flask, api: Api):
    answer = api.ask()["id"]
    with session_scope(app.extensions[Backend.KEY].engine) as session:
        persona, version = session.execute(text("SELECT persona_id, id FROM adapter_versions")).one()
        promotion = session.scalar(
            text(
                "INSERT INTO promotions (persona_id, adapter_version_id, kind, actor, reason, at) "
                "VALUES (:persona, :version, 'rollback', 'test', 'a trial', now()) RETURNING id"
            ),
            {"persona": persona, "version": version},
        )
        session.execute(text("UPDATE answers SET promotion_id = :id, propensity = 0.5"), {"id": promotion})
    assert api.get(f"/answers/{answer}").get_json()["version"] is None
