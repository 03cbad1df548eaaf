"""The pages of admins: who may sign in and as what, and the log of every administrative act."""

import re
from collections.abc import Callable

import pytest
from sqlalchemy import Engine

from feedback_app.administering import PAGE
from services.accounts import audit
from services.db.session import session_scope
from services.domain.roles import Role
from tests.builders import AT
from tests.feedback_app.conftest import PASSWORD, Visitor, hidden_fields

ACCOUNTS, LOG = "/admin/accounts", "/admin/audit"


@pytest.fixture
def admin(visitor: Visitor) -> Visitor:
    visitor.sign_in(Role.ADMIN)
    return visitor


def change(admin: Visitor, name: str, act: str, **fields: str):
    csrf = hidden_fields(admin.get(ACCOUNTS), ACCOUNTS)["csrf_token"]
    data = {"csrf_token": csrf, "name": name, "act": act} | fields
    return admin.client.post(ACCOUNTS, data=data)


def signed_in(visitor: Visitor) -> bool:
    return visitor.get("/account").status_code == 200


def newest_acts(engine: Engine, count: int) -> list[tuple[str, str, str]]:
    with session_scope(engine) as session:
        return [(one.act, one.subject, one.actor) for one in audit.newest(session, limit=count)]


def test_only_admins_see_them_and_act_there(visitor: Visitor):
    for path in (ACCOUNTS, LOG):
        assert visitor.get(path).location.startswith("/sign-in?to=")
    visitor.sign_in(Role.PROMOTER)
    for path in (ACCOUNTS, LOG):
        assert visitor.get(path).status_code == 403
    token = hidden_fields(visitor.get("/account"), "/sign-out")
    assert visitor.client.post(ACCOUNTS, data=token | {"name": "Ada", "act": "role"}).status_code == 403
    assert visitor.client.post("/admin/invitations", data=token | {"role": "admin"}).status_code == 403
    assert visitor.client.post("/admin/invitations/1/withdraw", data=token).status_code == 403
    assert LOG not in visitor.get("/curate").text


def test_an_invitation_is_shown_once_accepted_once_and_can_be_withdrawn(
    admin: Visitor, new_visitor: Callable[[], Visitor], clean: Engine
):
    links = []
    for _ in range(2):
        made = admin.submit(admin.get(ACCOUNTS), "/admin/invitations", role="curator")
        found = re.search(r"http://localhost(/invitations/[\w-]+)", made.text)
        assert found is not None
        links.append(found[1])
    assert "/invitations/" not in re.sub(r"/admin/invitations", "", admin.get(ACCOUNTS).text)
    bea = new_visitor()
    bea.submit(bea.get(links[0]), links[0], name="Bea", password=PASSWORD)
    page = admin.get(ACCOUNTS)
    (withdraw,) = re.findall(r'action="(/admin/invitations/\d+/withdraw)"', page.text)
    assert admin.submit(page, withdraw).status_code == 303
    assert new_visitor().get(links[1]).status_code == 409
    assert "withdraw" not in admin.get(ACCOUNTS).text
    number = withdraw.split("/")[3]
    assert newest_acts(clean, 1) == [("withdraw invitation", f"number {number}", "account:Ada")]


def test_a_role_is_changed_and_an_account_closed_opened_and_signed_out(
    admin: Visitor, new_visitor: Callable[[], Visitor], clean: Engine
):
    bea = new_visitor()
    bea.sign_in(Role.RATER, name="Bea")
    assert change(admin, "Bea", "role", role="curator").status_code == 303
    assert bea.get("/curate").status_code == 200
    change(admin, "Bea", "sign out")
    assert not signed_in(bea)
    bea.sign_in(name="Bea")
    change(admin, "Bea", "close")
    assert not signed_in(bea)
    assert "closed" in admin.get(ACCOUNTS).text
    change(admin, "Bea", "reopen")
    bea.sign_in(name="Bea")
    assert signed_in(bea)
    told = [("reopen account", "Bea"), ("close account", "Bea"), ("sign out", "Bea"), ("change role", "Bea")]
    assert newest_acts(clean, 4) == [(*one, "account:Ada") for one in told]


def test_what_cannot_be_done_is_said(admin: Visitor):
    refused = change(admin, "Ada", "close")
    assert refused.status_code == 409
    assert "is the only admin" in refused.text
    assert change(admin, "Ada", "role", role="emperor").status_code == 400
    assert change(admin, "Ada", "promote").status_code == 400
    assert change(admin, "Nobody", "close").status_code == 404
    token = hidden_fields(admin.get(ACCOUNTS), "/admin/invitations")
    assert admin.client.post("/admin/invitations", data=token | {"role": ""}).status_code == 400
    assert admin.client.post("/admin/invitations/999/withdraw", data=token).status_code == 409
    assert admin.client.post(f"/admin/invitations/{2**40}/withdraw", data=token).status_code == 404


def test_the_log_says_what_was_changed_in_words(admin: Visitor, clean: Engine):
    details = {"approval": [False, True], "minimum_new": [10, 5]}
    with session_scope(clean) as session:
        audit.record(session, audit.CHANGED_POLICIES, "pirate", actor="test", at=AT, details=details)
        granted = {"scopes": ["answers", "feedback"]}
        audit.record(session, "create client", "acme", actor="test", at=AT, details=granted)
    shown = " ".join(re.sub(r"<[^>]+>", "", admin.get(LOG).text).split())
    assert "approval: no → yes; minimum_new: 10 → 5" in shown
    assert "scopes: answers, feedback" in shown


def test_the_log_goes_on_page_after_page_without_a_gap(admin: Visitor, clean: Engine):
    with session_scope(clean) as session:
        for number in range(2 * PAGE):
            audit.record(session, f"act <{number}>", "somebody", actor="test", at=AT, details={"why": "so"})
    seen, path = [], LOG
    while path:
        page = admin.get(path)
        seen += re.findall(r"act &lt;(\d+)&gt;", page.text)
        older = re.search(rf'href="({LOG}\?before=\d+)"', page.text)
        path = older[1] if older else ""
    assert seen == [str(number) for number in reversed(range(2 * PAGE))]
    for odd in ("0", "-1", "x", "9" * 30):
        assert "act &lt;" in admin.get(f"{LOG}?before={odd}").text
