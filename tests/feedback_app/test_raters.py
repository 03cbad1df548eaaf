"""The rater's cookie: made on the first ask, signed, out of reach of scripts; anything else is no cookie."""

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from flask import Flask
from itsdangerous import TimestampSigner, URLSafeTimedSerializer
from sqlalchemy import Engine, func, select

from feedback_app.raters import LIFETIME
from services.db.feedback_tables import RaterRow
from services.db.session import session_scope
from tests.feedback_app.conftest import Visitor, hidden_fields


def rater_cookie(visitor: Visitor) -> str | None:
    cookie = visitor.client.get_cookie("rater")
    return cookie.value if cookie else None


def raters(engine: Engine) -> int:
    with session_scope(engine) as session:
        return session.scalar(select(func.count()).select_from(RaterRow)) or 0


class LateSigner(TimestampSigner):
    """Signs as it would have, had the cookie been made just over its lifetime ago."""

    def get_timestamp(self) -> int:
        return super().get_timestamp() - int((LIFETIME + timedelta(minutes=1)).total_seconds())


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
        key = str(app.secret_key)
        rater = URLSafeTimedSerializer(key, salt="rater-cookie").loads(sound)
        return {
            "forged": URLSafeTimedSerializer("another key", salt="rater-cookie").dumps(rater),
            "signed for another use": URLSafeTimedSerializer(key, salt="session").dumps(rater),
            "old": URLSafeTimedSerializer(key, salt="rater-cookie", signer=LateSigner).dumps(rater),
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
