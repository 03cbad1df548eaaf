"""Limits by rater, address, persona and name: counted in the database, said with the seconds to wait."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from feedback_app import create_app
from feedback_app.backend import Backend, now
from feedback_app.limits import Limits
from feedback_app.rate_counters import TableStorage
from services.accounts import invitations
from services.db.session import make_single_engine, session_scope
from services.domain.roles import Role
from services.settings import Settings
from tests.builders import add_persona
from tests.fakes import FakeGenerator
from tests.feedback_app.conftest import PASSWORD, Visitor, hidden_fields

ELSEWHERE = "203.0.113.7"
END = "UPDATE rate_counters SET ends_at = now() - interval '1 hour'"


@pytest.fixture
def limited(settings: Settings, clean: Engine, generator: FakeGenerator) -> Callable[..., Flask]:
    """An app under limits of its own; all apps made here share the one database, as workers do."""
    with session_scope(clean) as session:
        add_persona(session, slug="pirate")
        session.execute(text("DELETE FROM rate_counters"))

    def make(**limits: object) -> Flask:
        return create_app(settings.model_copy(update=limits), engine=clean, generator=generator)

    return make


def visitor_of(app: Flask, address: str = ELSEWHERE) -> Visitor:
    client = app.test_client()
    client.environ_base["REMOTE_ADDR"] = address
    return Visitor(client)


def test_a_rater_who_asks_too_often_keeps_the_words_and_is_told_when(limited: Callable[..., Flask]):
    visitor = visitor_of(limited(asks_per_rater="2/minute"))
    assert [visitor.ask().status_code for _ in range(3)] == [303, 303, 429]
    refused = visitor.ask(question="And now, after all of this?")
    assert "And now, after all of this?" in refused.text
    seconds = int(refused.headers["Retry-After"])
    assert 0 < seconds <= 60
    assert f"try again in {seconds} seconds" in refused.text


def test_the_limit_is_shared_by_processes_and_each_rater_has_their_own(limited: Callable[..., Flask]):
    first, second = (limited(asks_per_rater="2/minute") for _ in range(2))
    visitor, other = visitor_of(first), visitor_of(first)
    assert [visitor.ask().status_code for _ in range(2)] == [303, 303]
    there = second.test_client()
    for name in ("rater", "session"):
        cookie = visitor.client.get_cookie(name)
        assert cookie is not None
        there.set_cookie(name, cookie.value)
    assert Visitor(there).ask().status_code == 429
    assert other.ask().status_code == 303


def test_new_cookies_do_not_help_against_the_limit_by_address(limited: Callable[..., Flask]):
    app = limited(asks_per_address="2/minute")
    assert [visitor_of(app).ask().status_code for _ in range(3)] == [303, 303, 429]
    assert visitor_of(app, "203.0.113.8").ask().status_code == 303
    assert [visitor_of(app, "127.0.0.1").ask().status_code for _ in range(3)] == [303] * 3


def test_one_customers_network_is_one_address_and_what_a_proxy_writes_is_never_an_error(
    limited: Callable[..., Flask],
):
    app = limited(asks_per_address="2/minute")
    network = [visitor_of(app, f"2001:db8:0:7::{number}").ask().status_code for number in (1, 2, 3)]
    assert network == [303, 303, 429]
    assert visitor_of(app, "2001:db8:0:8::1").ask().status_code == 303
    with_ports = [visitor_of(app, f"203.0.113.9:{port}").ask().status_code for port in (4711, 4712, 4713)]
    assert with_ports == [303, 303, 429]
    assert visitor_of(app, "[2001:db8:0:7::9]:443").ask().status_code == 429
    assert [visitor_of(app, "unknown").ask().status_code for _ in range(3)] == [303, 303, 429]


def test_a_persona_has_a_limit_whoever_asks(limited: Callable[..., Flask]):
    app = limited(asks_per_persona="2/minute")
    asked = [visitor_of(app, f"203.0.113.{number}").ask().status_code for number in range(3)]
    assert asked == [303, 303, 429]


def test_saying_too_much_is_refused_with_what_was_typed(limited: Callable[..., Flask]):
    visitor = visitor_of(limited(feedback_per_rater="1/minute"))
    path = visitor.answer_of(visitor.ask())
    page = visitor.get(path)
    assert visitor.submit(page, f"{path}/comment", text="Once.").status_code == 303
    refused = visitor.submit(visitor.get(path), f"{path}/comment", text="Twice, and kept.")
    assert refused.status_code == 429
    assert "Twice, and kept." in refused.text


def test_a_name_cannot_be_guessed_at_from_many_addresses(limited: Callable[..., Flask]):
    app = limited(wrong_passwords_per_name="3/hour")
    visitor_of(app, "127.0.0.1").sign_in(Role.ADMIN)
    for number in range(3):
        guesser = visitor_of(app, f"203.0.113.{number}")
        page = guesser.get("/sign-in")
        assert guesser.submit(page, "/sign-in", name="ADA", password="guess").status_code == 403
    fresh = visitor_of(app, "203.0.113.99")
    right = fresh.submit(fresh.get("/sign-in"), "/sign-in", name="Ada", password=PASSWORD)
    assert right.status_code == 429


def test_strangers_who_guess_keep_nobody_out_of_the_browser_they_signed_in_with_before(
    limited: Callable[..., Flask],
):
    app = limited(wrong_passwords_per_name="3/hour", wrong_passwords_per_address="99/hour")
    owner, stranger = visitor_of(app), visitor_of(app, "203.0.113.8")
    owner.sign_in(Role.ADMIN)
    visitor_of(app, "203.0.113.9").sign_in(Role.RATER, name="Eve")

    def tries(visitor: Visitor, password: str, name: str = "Ada") -> int:
        return visitor.submit(visitor.get("/sign-in"), "/sign-in", name=name, password=password).status_code

    owner.submit(owner.get("/account"), "/sign-out")
    assert [tries(stranger, f"guess {number}") for number in range(4)] == [403, 403, 403, 429]
    assert tries(visitor_of(app, "203.0.113.10"), PASSWORD) == 429
    assert tries(owner, PASSWORD, "ADA") == 303
    owner.submit(owner.get("/account"), "/sign-out")
    assert [tries(owner, f"guess {number}") for number in range(4)] == [403, 403, 403, 429]
    known = owner.client.get_cookie("browser")
    assert known is not None
    stranger.client.set_cookie("browser", known.value[:-1] + ("a" if known.value[-1] != "a" else "b"))
    assert tries(stranger, PASSWORD) == 429


def test_a_browser_known_for_one_name_guesses_under_another_as_a_stranger(limited: Callable[..., Flask]):
    app = limited(wrong_passwords_per_name="1/hour", wrong_passwords_per_address="99/hour")
    eve = visitor_of(app)
    visitor_of(app, "203.0.113.8").sign_in(Role.ADMIN)
    codes = []
    for _ in range(2):
        eve.sign_in(Role.RATER, name="Eve")
        eve.submit(eve.get("/account"), "/sign-out")
        codes.append(eve.submit(eve.get("/sign-in"), "/sign-in", name="Ada", password="guess").status_code)
    assert codes == [403, 429]


@dataclass
class Proxied:
    client: FlaskClient

    def ask(self, said: str) -> int:
        self.client.environ_base["HTTP_X_FORWARDED_FOR"] = said
        return Visitor(self.client).ask().status_code


@pytest.mark.parametrize(("proxies", "third"), [(0, 429), (1, 303)])
def test_an_address_is_the_proxys_word_only_where_there_is_a_proxy(
    limited: Callable[..., Flask], proxies: int, third: int
):
    app = limited(proxies=proxies, asks_per_address="2/minute")
    statuses = [Proxied(visitor_of(app).client).ask(f"198.51.100.{number}") for number in range(3)]
    assert statuses == [303, 303, third]


def test_a_window_ends_and_the_counters_of_before_go(clean: Engine):
    storage = TableStorage(make_single_engine(clean.url))
    storage.reset()
    assert [storage.incr("one", 60), storage.incr("one", 60)] == [1, 2]
    with session_scope(clean) as session:
        session.execute(text(END))
    assert storage.get("one") == 0
    assert storage.incr("one", 60) == 1
    storage.incr("two", 60)
    with session_scope(clean) as session:
        session.execute(text(f"{END} WHERE key = 'two'"))
    storage.incr("three", 60)
    with session_scope(clean) as session:
        assert set(session.scalars(text("SELECT key FROM rate_counters"))) == {"one", "three"}
    assert storage.check()


def test_a_limit_that_is_none_is_said_when_the_app_starts(limited: Callable[..., Flask]):
    with pytest.raises(ValueError, match="asks_per_rater"):
        limited(asks_per_rater="many")
    assert limited().extensions[Limits.KEY]


def test_a_cookie_of_before_an_account_uses_up_nothing_of_what_the_account_may_say(
    limited: Callable[..., Flask],
):
    app = limited(feedback_per_rater="1/minute")
    visitor, other = visitor_of(app), visitor_of(app)
    path = visitor.answer_of(visitor.ask())
    before = visitor.client.get_cookie("rater")
    assert before is not None
    with session_scope(app.extensions[Backend.KEY].engine) as session:
        token = invitations.invite(session, Role.RATER, actor="test", at=now())
    address = f"/invitations/{token}"
    visitor.submit(visitor.get(address), address, name="Ada", password=PASSWORD)
    form = hidden_fields(other.get("/p/pirate"), "/p/pirate/ask") | {"stars": "1"}
    other.client.set_cookie("rater", before.value)
    said = [other.client.post(f"{path}/rate", data=form).status_code for _ in range(2)]
    assert said == [403, 403]
    assert visitor.submit(visitor.get(path), f"{path}/rate", stars="5").status_code == 303
    assert visitor.submit(visitor.get(path), f"{path}/rate", stars="4").status_code == 429
