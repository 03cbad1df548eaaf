"""The rater's cookie: made on the first ask, signed, out of reach of scripts; anything else is no cookie."""

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from flask import Flask
from itsdangerous import TimestampSigner, URLSafeTimedSerializer
from sqlalchemy import Engine, func, select, text

from feedback_app.raters import LIFETIME, RENEWED_AFTER
from services.db.feedback_tables import RaterRow
from services.db.session import session_scope
from tests.feedback_app.conftest import Visitor, hidden_fields


def rater_cookie(visitor: Visitor) -> str | None:
    cookie = visitor.client.get_cookie("rater")
    return cookie.value if cookie else None


def raters(engine: Engine) -> int:
    with session_scope(engine) as session:
        return session.scalar(select(func.count()).select_from(RaterRow)) or 0


def signed_before(age: timedelta) -> type[TimestampSigner]:
    """Signs as it would have, had the cookie been made a minute more than so long ago."""

    class LateSigner(TimestampSigner):
        def get_timestamp(self) -> int:
            return super().get_timestamp() - int((age + timedelta(minutes=1)).total_seconds())

    return LateSigner


def test_looking_around_makes_no_rater(visitor: Visitor, engine: Engine):
    for path in ("/", "/p/pirate", "/history"):
        assert visitor.get(path).status_code == 200
    assert rater_cookie(visitor) is None
    assert raters(engine) == 0


def test_the_first_ask_makes_a_rater_and_the_next_keeps_it(visitor: Visitor, engine: Engine):
    visitor.ask()
    first = rater_cookie(visitor)
    visitor.ask()
    assert first == rater_cookie(visitor)
    assert raters(engine) == 1


def test_first_asks_in_two_tabs_are_one_raters(visitor: Visitor, app: Flask, engine: Engine):
    tabs = [visitor.get("/p/pirate"), visitor.get("/p/pirate")]
    session = visitor.client.get_cookie("session")
    assert session is not None
    paths = []
    for number, tab in enumerate(tabs):  # neither request carries what the other's answer set
        alone = Visitor(app.test_client())
        alone.client.set_cookie("session", session.value)
        paths.append(alone.answer_of(alone.submit(tab, "/p/pirate/ask", question=f"Why, tab {number}?")))
    assert raters(engine) == 1
    assert [alone.get(path).status_code for path in paths] == [200, 200]
    assert alone.get("/history").text.count("Why, tab") == 2


def test_who_was_erased_is_somebody_new_with_the_next_question(visitor: Visitor, engine: Engine):
    first = visitor.answer_of(visitor.ask())
    for erased in (1, 2):  # the visit is the same, and so is the secret that ids are made from
        with session_scope(engine) as session:
            session.execute(text("UPDATE raters SET erased_at = now()"))
            session.execute(text("UPDATE answers SET tombstone = 'x', text = ''"))
        assert visitor.get(first).status_code == 404
        visitor.ask(question=f"Why again, {erased}?")
        assert raters(engine) == erased + 1
    assert visitor.get("/history").text.count("Why again") == 1


@pytest.mark.parametrize(("age", "renewed"), [(RENEWED_AFTER, True), (timedelta(hours=1), False)])
def test_who_keeps_coming_keeps_their_cookie(visitor: Visitor, app: Flask, age: timedelta, *, renewed: bool):
    path = visitor.answer_of(visitor.ask())
    fresh = rater_cookie(visitor)
    assert fresh is not None
    key, signer = str(app.secret_key), signed_before(age)
    rater = URLSafeTimedSerializer(key, salt="rater-cookie").loads(fresh)
    old = URLSafeTimedSerializer(key, salt="rater-cookie", signer=signer).dumps(rater)
    for address in (path, "/history", "/p/pirate/ask"):
        visitor.client.set_cookie("rater", old)
        seen = visitor.ask() if address.endswith("/ask") else visitor.get(address)
        cookies = [line for line in seen.headers.getlist("Set-Cookie") if line.startswith("rater=")]
        assert len(cookies) == renewed
        assert (rater_cookie(visitor) != old) == renewed
        assert visitor.get(path).status_code == 200


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(visitor: Visitor):
    header = next(line for line in visitor.ask().headers.getlist("Set-Cookie") if line.startswith("rater="))
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(header.split("; "))
    assert f"Max-Age={365 * 24 * 3600}" in header
    assert "Secure" not in header


def test_over_https_every_cookie_is_secure(app: Flask):
    client = app.test_client()
    page = client.get("/p/pirate", base_url="https://localhost")
    visitor = Visitor(client)
    asked = client.post(
        "/p/pirate/ask",
        data=hidden_fields(page, "/p/pirate/ask") | {"question": "Why?"},
        base_url="https://localhost",
        headers={"Referer": "https://localhost/p/pirate"},
    )
    cookies = page.headers.getlist("Set-Cookie") + asked.headers.getlist("Set-Cookie")
    assert {cookie.split("=")[0] for cookie in cookies} == {"session", "rater"}
    assert all("Secure" in cookie.split("; ") for cookie in cookies)
    assert visitor.answer_of(asked)


@pytest.fixture
def forge(app: Flask) -> Callable[[str], str]:
    """A cookie value of each unsound kind, naming a rater that exists."""

    def make(kind: str) -> str:
        visitor = Visitor(app.test_client())
        visitor.ask()
        sound = rater_cookie(visitor)
        assert sound is not None
        key, late = str(app.secret_key), signed_before(LIFETIME)
        rater = URLSafeTimedSerializer(key, salt="rater-cookie").loads(sound)
        return {
            "forged": URLSafeTimedSerializer("another key", salt="rater-cookie").dumps(rater),
            "signed for another use": URLSafeTimedSerializer(key, salt="session").dumps(rater),
            "old": URLSafeTimedSerializer(key, salt="rater-cookie", signer=late).dumps(rater),
            "cut short": sound[:-3],
            "plain": rater,
            "empty": "",
            "no text": "\xff\xfe",
            "long": "." * 3_000,
            "unknown": URLSafeTimedSerializer(key, salt="rater-cookie").dumps(str(uuid4())),
        }[kind]

    return make


@pytest.mark.parametrize(
    "kind",
    [
        *("forged", "signed for another use", "old", "cut short", "plain"),
        *("empty", "no text", "long", "unknown"),
    ],
)
def test_an_unsound_cookie_sees_nothing_and_gets_a_new_rater_on_asking(
    visitor: Visitor, forge: Callable[[str], str], engine: Engine, kind: str
):
    value = forge(kind)
    visitor.client.set_cookie("rater", value)
    assert "You have not asked anything yet." in visitor.get("/history").text
    assert visitor.get(visitor.answer_of(visitor.ask())).status_code == 200
    assert rater_cookie(visitor) != value
    assert raters(engine) == 2
