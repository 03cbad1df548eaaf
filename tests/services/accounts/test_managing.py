"""What becomes of accounts, and that the audit log keeps each act."""

from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from services.accounts import audit, invitations, managing, sign_ins
from services.db.account_tables import AccountRow
from services.db.session import session_scope
from services.domain.roles import Role
from services.errors.lookups import UnknownAccount
from services.errors.people import AccountExists, InvitationUnusable, LastAdmin, WrongPassword
from services.feedback.questions import new_rater
from tests.beside import PATIENCE, until_it_waits
from tests.builders import AT

PASSWORD = "correct horse battery"


def add_account(session: Session, name: str, role: Role) -> AccountRow:
    token = invitations.invite(session, role, actor="test", at=AT)
    return invitations.accept(session, token, name=name, password=PASSWORD, rater=None, at=AT)


def acts(session: Session) -> list[str]:
    return [entry.act for entry in audit.newest(session, limit=100)]


def test_every_act_is_in_the_audit_log_once(session: Session):
    ada, bea = (add_account(session, name, Role.ADMIN) for name in ("Ada", "Bea"))
    managing.change_role(session, bea, Role.CURATOR, actor="account:Ada", at=AT)
    managing.change_role(session, bea, Role.CURATOR, actor="account:Ada", at=AT)
    managing.close(session, bea, actor="account:Ada", at=AT)
    managing.close(session, bea, actor="account:Ada", at=AT)
    managing.reopen(session, bea, actor="account:Ada", at=AT)
    managing.change_password(session, ada, old=PASSWORD, new="another horse battery", at=AT, but="")
    newest = ["change password", "reopen account", "close account", "change role"]
    assert acts(session) == [*newest, *["accept invitation", "invite"] * 2]
    assert audit.newest(session, limit=9)[3].details == {"from": "admin", "to": "curator"}


def test_pages_of_the_audit_log_follow_each_other(session: Session):
    for number in range(5):
        audit.record(session, "invite", str(number), actor="test", at=AT)
    first = audit.newest(session, limit=2)
    second = audit.newest(session, limit=2, before=first[-1].id)
    assert [entry.subject for entry in (*first, *second)] == ["4", "3", "2", "1"]


@pytest.mark.parametrize("change", ["UPDATE audit_entries SET actor = 'x'", "DELETE FROM audit_entries"])
def test_the_audit_log_is_append_only(session: Session, change: str):
    audit.record(session, "invite", "somebody", actor="test", at=AT)
    session.flush()
    with pytest.raises(DBAPIError, match="append-only"):
        session.execute(text(change))


def test_the_only_admin_stays_one(session: Session):
    ada = add_account(session, "Ada", Role.ADMIN)
    with pytest.raises(LastAdmin):
        managing.change_role(session, ada, Role.CURATOR, actor="test", at=AT)
    with pytest.raises(LastAdmin):
        managing.close(session, ada, actor="test", at=AT)
    add_account(session, "Bea", Role.ADMIN)
    managing.close(session, ada, actor="test", at=AT)
    assert ada.closed_at == AT


def test_a_closed_account_is_signed_out_and_opened_again_knows_its_password(session: Session):
    ada = add_account(session, "Ada", Role.CURATOR)
    token = sign_ins.sign_in(session, ada, at=AT)
    assert sign_ins.find_sign_in(session, token, at=AT)
    managing.close(session, ada, actor="test", at=AT)
    with pytest.raises(WrongPassword):
        sign_ins.check_password(session, name="Ada", password=PASSWORD)
    managing.reopen(session, ada, actor="test", at=AT)
    assert sign_ins.check_password(session, name=" ADA ", password=PASSWORD) is ada
    assert sign_ins.find_sign_in(session, token, at=AT) is None


def test_a_withdrawn_invitation_is_no_good_and_a_used_one_cannot_be_withdrawn(session: Session):
    token = invitations.invite(session, Role.ADMIN, actor="test", at=AT)
    withdrawn = invitations.find_invitation(session, token, at=AT)
    invitations.withdraw(session, withdrawn.id, actor="test", at=AT)
    with pytest.raises(InvitationUnusable):
        invitations.find_invitation(session, token, at=AT)
    other = invitations.invite(session, Role.CURATOR, actor="test", at=AT)
    used = invitations.find_invitation(session, other, at=AT).id
    invitations.accept(session, other, name="Bea", password=PASSWORD, rater=None, at=AT)
    with pytest.raises(InvitationUnusable):
        invitations.withdraw(session, used, actor="test", at=AT)


def test_an_unknown_account_is_said_so(session: Session):
    with pytest.raises(UnknownAccount, match="account list"):
        managing.find_account(session, "Nobody")


def test_an_invitation_accepted_twice_at_once_makes_one_account(clean: Engine):
    with Session(clean) as first, Session(clean) as second:
        token = invitations.invite(first, Role.CURATOR, actor="test", at=AT)
        first.commit()
        invitations.accept(first, token, name="Ada", password=PASSWORD, rater=None, at=AT)
        second.execute(text("SET lock_timeout = '100ms'"))
        with pytest.raises(DBAPIError, match="lock timeout"):
            invitations.find_invitation(second, token, at=AT)
        second.rollback()
        first.commit()
        with pytest.raises(InvitationUnusable):
            invitations.find_invitation(second, token, at=AT)


@pytest.mark.parametrize("same", ["name", "rater"])
def test_two_who_accept_at_once_are_two_accounts_or_one(clean: Engine, same: str):
    with session_scope(clean) as session:
        rater = new_rater(session, at=AT)
        tokens = [invitations.invite(session, Role.RATER, actor="test", at=AT) for _ in range(2)]

    def accept(number: int) -> None:
        name = "Ada" if same == "name" else f"Ada {number}"
        with session_scope(clean) as session:
            invitations.accept(session, tokens[number], name=name, password=PASSWORD, rater=rater, at=AT)
            if number == 0:
                others.append(pool.submit(accept, 1))
                until_it_waits(clean, others[0])

    others: list[Future[None]] = []
    with ThreadPoolExecutor(1) as pool:
        accept(0)
        refused = others[0].exception(PATIENCE)
    with session_scope(clean) as session:
        accounts = managing.accounts(session)
        if same == "name":
            assert isinstance(refused, AccountExists)
            assert [account.name for account in accounts] == ["Ada"]
        else:
            assert refused is None
            assert [account.rater_id == rater for account in accounts] == [True, False]
