"""Every address with an id in it, asked for by somebody whose it is not."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import uuid4

from flask import Flask
from sqlalchemy import Engine, select
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from services.db.feedback_tables import RatingRow
from services.db.session import session_scope
from services.feedback.agreements import WORDING
from tests.fakes import FakeGenerator
from tests.feedback_app.api.conftest import Api, new_api  # noqa: F401 - a fixture
from tests.feedback_app.conftest import Visitor, hidden_fields

# What these arguments name is nobody's own: pages of what the nights did, or a secret by themselves.
NOBODYS = {"slug", "filename", "run_id", "decision_id", "candidate", "champion", "invitation_id", "token"}
NOBODYS_NUMBERS = {"/api/v1/personas/<slug>/versions/<int(max=2147483647):number>"}
SECRET = "Where did I bury it?"


@dataclass(frozen=True, slots=True)
class Own:
    """What one person has here: ids by the arguments of addresses, and fields that their forms would send."""

    ids: dict[str, str]
    fields: dict[str, str]
    whose: Visitor


def own_of_visitor(visitor: Visitor, engine: Engine, generator: FakeGenerator) -> Own:
    path = visitor.answer_of(visitor.ask(question=SECRET))
    generator.text = "Another answer."
    path = visitor.answer_of(visitor.submit(visitor.get(path), f"{path}/again", persona="pirate"))
    visitor.submit(visitor.get(path), f"{path}/rate", stars="4")
    offered = visitor.submit(visitor.get(path), f"{path}/compare").location.partition("?")[0]
    with session_scope(engine) as session:
        rated = str(session.scalars(select(RatingRow.id)).one())
    fields = {"stars": "1", "text": "mine", "question": "Why?", "choice": "tie", "said": "rating"}
    fields |= {"agreed": str(WORDING), "chosen": str(uuid4())}
    ids = {"answer_id": path.rsplit("/", 1)[1], "offer_id": offered.rsplit("/", 1)[1], "slug": "pirate"}
    return Own(ids, fields | {"said_id": rated}, visitor)


def rules(app: Flask, *, of_api: bool) -> Iterator[tuple[Rule, str]]:
    for rule in app.url_map.iter_rules():
        somebodys = rule.arguments - NOBODYS and rule.rule not in NOBODYS_NUMBERS
        if somebodys and rule.rule.startswith("/api/v1") == of_api:
            yield from ((rule, method) for method in (rule.methods or set()) - {"HEAD", "OPTIONS"})


def address(rule: Rule, ids: dict[str, str]) -> str:
    """KeyError for an argument that these tests do not know: say whose it is, here or in NOBODYS."""
    built = rule.build({name: ids[name] for name in rule.arguments})
    assert built is not None
    return built[1]


def refuses(answered: TestResponse, where: str) -> bool:
    assert SECRET not in answered.text, where
    to_sign_in = answered.status_code == 303 and answered.location.startswith("/sign-in?")
    return to_sign_in or answered.status_code in {403, 404}


def test_no_page_shows_or_changes_what_another_rater_said(
    app: Flask,
    visitor: Visitor,
    new_visitor: Callable[[], Visitor],
    generator: FakeGenerator,
    clean: Engine,
):
    """Reading another's data by id: every query for an answer or an opinion asks whose it is, too."""
    own, tried = own_of_visitor(visitor, clean, generator), 0
    asker, looker = new_visitor(), new_visitor()
    asker.ask()
    for rule, method in rules(app, of_api=False):
        where = address(rule, own.ids)
        for stranger in (asker, looker):
            sent = hidden_fields(stranger.get("/p/pirate"), "/p/pirate/ask") | own.fields
            answered = stranger.client.open(where, method=method, data=sent if method == "POST" else None)
            assert refuses(answered, where), (method, where, answered.status_code)
            tried += 1
    assert tried >= 20
    assert visitor.get(f"/comparisons/{own.ids['offer_id']}").status_code == 200
    assert "You gave it 4 stars" in visitor.get(f"/answers/{own.ids['answer_id']}").text


def test_no_client_reads_or_says_anything_of_another_end_user(
    app: Flask,
    new_api: Callable[..., Api],  # noqa: F811
):
    """Reading another's data by id: an end user is somebody to one client only, and sees their own."""
    owner = new_api("acme")
    left, right = (owner.ask(SECRET)["id"] for _ in "ab")
    bodies: dict[str, object] = {
        "ratings": {"rating": 4},
        "corrections": {"text": "mine"},
        "comments": {"text": "mine"},
        "answers": {"question": "And mine?"},
    }
    both = {"left": left, "right": right, "choice": "tie"}
    chosen = owner.post("/comparisons", both).get_json()["id"]
    rated = owner.post(f"/answers/{left}/ratings", {"rating": 4}).get_json()["id"]
    bodies["retractions"] = {"said": "rating", "id": rated}
    others = [Api(owner.browser, owner.token, "u2"), new_api("other")]
    for other in others:
        other.ask()
        assert other.post("/comparisons", both).status_code == 404
    tried = 0
    for rule, method in rules(app, of_api=True):
        where = address(rule, {"answer_id": left, "number": chosen}).removeprefix("/api/v1")
        for other in others:
            body = {} if "/comparisons/" in where else bodies.get(where.rsplit("/", 1)[1], {})
            asked = other.get(where) if method == "GET" else other.post(where, body)
            assert refuses(asked, where), (method, where, asked.status_code)
            tried += 1
        assert method == "POST" or owner.get(where).status_code == 200, where
    assert tried >= 12
