"""The sign-in of curators: one token, a name, a limit on wrong tries."""

from collections.abc import Callable

import pytest

from feedback_app.curators import MOST_WRONG
from services.settings import Settings
from tests.feedback_app.conftest import Visitor


def test_the_token_signs_in_under_a_name_until_one_leaves(visitor: Visitor, settings: Settings):
    assert visitor.sign_in(settings).location == "/curator"
    page = visitor.get("/curator")
    assert "You are signed in as <strong>Ada</strong>" in page.text
    visitor.submit(page, "/curator/leave")
    assert "signed in as" not in visitor.get("/curator").text


def test_the_cookie_does_not_hold_the_token(visitor: Visitor, settings: Settings):
    signed = visitor.sign_in(settings)
    assert settings.curator_token.get_secret_value() not in str(signed.headers)


@pytest.mark.parametrize(
    ("fields", "status"), [({"token": "guess"}, 403), ({"token": ""}, 403), ({"name": " "}, 400)]
)
def test_what_is_wrong_is_said_and_the_name_stays(
    visitor: Visitor, settings: Settings, fields: dict[str, str], status: int
):
    given = {"name": "Ada <b>", "token": settings.curator_token.get_secret_value()} | fields
    refused = visitor.submit(visitor.get("/curator"), "/curator", **given)
    assert refused.status_code == status
    assert "notice-problem" in refused.text
    assert "<b>" not in refused.text
    assert "signed in as" not in visitor.get("/curator").text


def test_after_many_wrong_tries_no_try_counts_for_a_while(visitor: Visitor, settings: Settings):
    page = visitor.get("/curator")
    for _ in range(MOST_WRONG):
        visitor.submit(page, "/curator", name="Eve", token="guess")
    refused = visitor.sign_in(settings)
    assert refused.status_code == 503
    assert "try again in 60 seconds" in refused.text


def test_another_token_ends_every_sign_in(
    new_visitor: Callable[[], Visitor], visitor: Visitor, settings: Settings
):
    visitor.sign_in(settings)
    with visitor.client.session_transaction() as visit:
        visit["curator"] = ["Ada", "of another token"]
    assert "signed in as" not in visitor.get("/curator").text
    assert "signed in as" not in new_visitor().get("/curator").text


@pytest.mark.parametrize(
    "to", ["https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere.example", "x"]
)
def test_the_sign_in_leads_nowhere_else(visitor: Visitor, settings: Settings, to: str):
    assert visitor.sign_in(settings, to=to).location == "/curator"


def test_without_the_forms_token_nothing_happens(visitor: Visitor, settings: Settings):
    token = settings.curator_token.get_secret_value()
    assert visitor.client.post("/curator", data={"name": "Ada", "token": token}).status_code == 400
