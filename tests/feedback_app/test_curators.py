"""The sign-in of curators: one token, a name, a limit on wrong tries."""

from collections.abc import Callable

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from feedback_app.curators import MOST_WRONG
from services.db.session import session_scope
from services.db.sign_in_tables import CuratorSignInRow
from services.feedback import sign_ins
from services.settings import Settings
from tests.builders import AT
from tests.feedback_app.conftest import Visitor


def test_the_token_signs_in_under_a_name_until_one_leaves(visitor: Visitor, settings: Settings):
    assert visitor.sign_in(settings).location == "/curator"
    page = visitor.get("/curator")
    assert "You are signed in as <strong>Ada</strong>" in page.text
    visitor.submit(page, "/curator/leave")
    assert "signed in as" not in visitor.get("/curator").text


def test_leaving_ends_the_sign_in_for_every_copy_of_its_cookie(
    visitor: Visitor, new_visitor: Callable[[], Visitor], settings: Settings
):
    visitor.sign_in(settings)
    with visitor.client.session_transaction() as visit:
        kept = dict(visit)
    thief, other = new_visitor(), new_visitor()
    with thief.client.session_transaction() as visit:
        visit.update(kept)
    other.sign_in(settings, name="Bea")
    assert "<strong>Ada</strong>" in thief.get("/curator").text
    visitor.submit(visitor.get("/curator"), "/curator/leave")
    assert "signed in as" not in thief.get("/curator").text
    assert "<strong>Bea</strong>" in other.get("/curator").text


def test_a_new_sign_in_of_a_visit_ends_the_one_before(visitor: Visitor, clean: Engine, settings: Settings):
    page, token = visitor.get("/curator"), settings.curator_token.get_secret_value()
    for name in ("Eve the first", "Eve the second"):
        visitor.submit(page, "/curator", name=name, token=token)
    with session_scope(clean) as session:
        names = set(session.scalars(select(CuratorSignInRow.name)))
    assert "Eve the second" in names
    assert "Eve the first" not in names


def test_no_sign_in_lasts_for_ever(session: Session):
    ada = sign_ins.begin(session, name="Ada", at=AT)
    assert sign_ins.name_of(session, ada, at=AT + sign_ins.LASTS / 2) == "Ada"
    assert sign_ins.name_of(session, ada, at=AT + sign_ins.LASTS) is None
    sign_ins.begin(session, name="Bea", at=AT + sign_ins.LASTS)
    assert session.get(CuratorSignInRow, ada) is None


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
        visit["sign_in"] = [visit["sign_in"][0], "of another token"]
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
