"""What end users say through the API: ratings, corrections, comparisons; each key counts once."""

from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from feedback_app.backend import Backend
from services.db.feedback_tables import CommentRow, ComparisonRow, CorrectionRow, CurrentRatingRow, RatingRow
from services.db.session import session_scope
from tests.feedback_app.api.conftest import Api

SAID: list[tuple[str, dict[str, Any], type[Any]]] = [
    ("ratings", {"rating": 4, "reasons": ["too long"]}, RatingRow),
    ("ratings", {"rating": "down"}, RatingRow),
    ("corrections", {"text": "Arr, from the rivers."}, CorrectionRow),
    ("comments", {"text": "Too dry."}, CommentRow),
]


def count(app: Flask, journal: type[Any]) -> int:
    with session_scope(app.extensions[Backend.KEY].engine) as session:
        return session.scalar(select(func.count()).select_from(journal)) or 0


@pytest.mark.parametrize(("resource", "body"), [(resource, body) for resource, body, _ in SAID])
def test_what_is_said_is_there_to_be_read(api: Api, resource: str, body: dict[str, Any]):
    path = f"/answers/{api.ask()['id']}/{resource}"
    made = api.post(path, body)
    assert made.status_code == 201, made.text
    assert body.items() <= made.get_json().items()
    assert api.get(path).get_json() == {"items": [made.get_json()], "next": None}


@pytest.mark.parametrize(("resource", "body", "journal"), SAID)
def test_the_same_key_counts_once_and_says_the_same_again(
    app: Flask, api: Api, resource: str, body: dict[str, Any], journal: type[Any]
):
    path = f"/answers/{api.ask()['id']}/{resource}"
    first, again = api.post(path, body, key="k"), api.post(path, body, key="k")
    assert (again.status_code, again.data) == (201, first.data)
    assert count(app, journal) == 1
    other = {"rating": 1} if resource == "ratings" else {"text": "Other."}
    assert api.post(path, other, key="k").status_code == 409
    assert count(app, journal) == 1


@pytest.mark.parametrize(("resource", "body", "journal"), SAID)
def test_two_at_once_under_one_key_count_once(
    app: Flask, api: Api, resource: str, body: dict[str, Any], journal: type[Any]
):
    path, found = f"/answers/{api.ask()['id']}/{resource}", []

    def send() -> None:
        answered = Api(app.test_client(), api.token).post(path, body, key="k")
        found.append((answered.status_code, answered.data))

    threads = [Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(found) == 4
    assert len(set(found)) == 1
    assert found[0][0] == 201
    assert count(app, journal) == 1


@pytest.mark.parametrize(("resource", "body", "journal"), SAID)
def test_what_is_taken_back_stays_in_its_list_and_counts_no_more(
    app: Flask, api: Api, resource: str, body: dict[str, Any], journal: type[Any]
):
    answer = f"/answers/{api.ask()['id']}"
    made = api.post(f"{answer}/{resource}", body).get_json()
    undo = {"said": resource[:-1], "id": made["id"]}
    first, again = (api.post(f"{answer}/retractions", undo) for _ in range(2))
    assert first.status_code == 201, first.text
    assert undo.items() <= first.get_json().items()
    assert first.get_json() == again.get_json()
    (listed,) = api.get(f"{answer}/{resource}").get_json()["items"]
    assert listed == made | {"taken_back_at": first.get_json()["taken_back_at"]}
    assert count(app, journal) == 1
    assert count(app, CurrentRatingRow) == 0


def test_a_choice_is_taken_back_at_its_own_address_by_who_made_it(app: Flask, api: Api):
    left, right = (api.ask("Why?")["id"] for _ in range(2))
    made = api.post("/comparisons", {"left": left, "right": right, "choice": "tie"}).get_json()
    path = f"/comparisons/{made['id']}"
    first, again = (api.post(f"{path}/retractions", {}) for _ in range(2))
    assert first.status_code == again.status_code == 201, first.text
    assert first.get_json() == again.get_json() == api.get(path).get_json()
    assert first.get_json()["taken_back_at"] is not None
    assert first.get_json() | {"taken_back_at": None} == made
    assert api.get("/comparisons").get_json()["items"] == [first.get_json()]
    assert count(app, ComparisonRow) == 1
    api.end_user = "another"
    api.ask()
    assert api.post(f"{path}/retractions", {}).status_code == 404


def test_nothing_is_taken_back_that_somebody_else_said_or_nobody(api: Api):
    answer = f"/answers/{api.ask()['id']}"
    rating = api.post(f"{answer}/ratings", {"rating": 4}).get_json()
    undo = {"said": "rating", "id": rating["id"]}
    assert api.post(f"{answer}/retractions", undo | {"id": rating["id"] + 1}).status_code == 404
    assert api.post(f"{answer}/retractions", undo | {"said": "comment"}).status_code == 404
    assert api.post(f"{answer}/retractions", undo | {"said": "comparison"}).status_code == 400
    api.end_user = "another"
    theirs = f"/answers/{api.ask()['id']}"
    assert api.post(f"{theirs}/retractions", undo).status_code == 404
    assert api.post(f"{answer}/retractions", undo).status_code == 404


def test_a_mind_that_changes_counts_anew_and_the_journal_keeps_both(app: Flask, api: Api):
    path = f"/answers/{api.ask()['id']}/ratings"
    for rating in (2, "up", 2):
        assert api.post(path, {"rating": rating}).status_code == 201
    assert [one["rating"] for one in api.get(path).get_json()["items"]] == [2, "up", 2]
    assert count(app, CurrentRatingRow) == 1
    first = api.get(f"{path}?limit=2").get_json()
    assert [one["rating"] for one in api.get(f"{path}?cursor={first['next']}").get_json()["items"]] == [2]


@pytest.mark.parametrize("body", [{}, {"rating": 0}, {"rating": 6}, {"rating": True}, {"rating": "4"}])
def test_a_rating_that_is_none_is_named(api: Api, body: dict[str, Any]):
    refused = api.post(f"/answers/{api.ask()['id']}/ratings", body)
    assert refused.status_code == 400
    assert {one["field"] for one in refused.get_json()["errors"]} == {"rating"}


def test_a_refused_correction_may_be_sent_better_under_its_key(api: Api):
    path = f"/answers/{api.ask()['id']}/corrections"
    same = api.post(path, {"text": "A short answer."}, key="k")
    assert same.get_json()["type"] == "urn:persona-loop:problem:correction-unchanged"
    assert api.post(path, {"text": "A better answer."}, key="k").status_code == 201


def test_two_answers_to_one_question_are_compared(app: Flask, api: Api):
    left, right = (api.ask("Why?")["id"] for _ in range(2))
    assert left != right
    body = {"left": left, "right": right, "choice": "both bad"}
    made = api.post("/comparisons", body, key="k")
    assert made.status_code == 201
    assert api.post("/comparisons", body, key="k").data == made.data
    assert api.get(f"/comparisons/{made.get_json()['id']}").get_json() == made.get_json()
    other = api.post("/comparisons", body | {"choice": "left"}).get_json()
    first = api.get("/comparisons?limit=1").get_json()
    assert first["items"] == [other]
    assert api.get(f"/comparisons?cursor={first['next']}").get_json() == {
        "items": [made.get_json()],
        "next": None,
    }
    assert count(app, ComparisonRow) == 2
    refused = api.post("/comparisons", body | {"right": api.ask("Why not?")["id"]})
    assert refused.get_json()["type"] == "urn:persona-loop:problem:answers-not-comparable"


def test_nobody_says_anything_of_what_another_client_was_answered(new_api: Callable[..., Api]):
    one, other = new_api("one"), new_api("other")
    answers = [one.ask("Why?")["id"] for _ in range(2)]
    made = one.post("/comparisons", {"left": answers[0], "right": answers[1], "choice": "left"}).get_json()
    other.ask()
    for refused in (
        other.post(f"/answers/{answers[0]}/ratings", {"rating": 1}),
        other.post(f"/answers/{answers[0]}/corrections", {"text": "Mine."}),
        other.post("/comparisons", {"left": answers[0], "right": answers[1], "choice": "tie"}),
        other.get(f"/comparisons/{made['id']}"),
    ):
        assert refused.status_code == 404
    assert other.get("/comparisons").get_json()["items"] == []
