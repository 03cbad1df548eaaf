"""What becomes of an account: another password or role, closed, opened again; all of it in the audit log."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from services.accounts import audit, sign_ins
from services.accounts.passwords import hash_password, is_password
from services.db.account_tables import AccountRow
from services.db.feedback_tables import RaterRow
from services.domain.feedback import RaterId
from services.domain.roles import Role
from services.errors.lookups import UnknownAccount
from services.errors.people import LastAdmin, WrongPassword

_HAS_ACCOUNT = text("SELECT EXISTS (SELECT FROM accounts WHERE rater_id = :rater)")  # asked at each request


def find_account(session: Session, name: str) -> AccountRow:
    """Raises UnknownAccount."""
    row = sign_ins.account_named(session, name)
    if row is None:
        raise UnknownAccount(name)
    return row


def accounts(session: Session) -> Sequence[AccountRow]:
    """Every account, by name."""
    return session.scalars(select(AccountRow).order_by(func.lower(AccountRow.name))).all()


def rater_of(session: Session, account: AccountRow, *, at: datetime) -> RaterId:
    """Under whom an account rates: another than before once that one was erased."""
    if session.get_one(RaterRow, account.rater_id).erased_at is not None:
        fresh = RaterRow(created_at=at)
        session.add(fresh)
        session.flush()
        account.rater_id = fresh.id
    return RaterId(account.rater_id)


def has_account(session: Session, rater: RaterId) -> bool:
    """Whether this rater is known by an account, closed or not."""
    return bool(session.scalar(_HAS_ACCOUNT, {"rater": rater}))


def change_password(
    session: Session, account: AccountRow, *, old: str, new: str, at: datetime, but: str
) -> None:
    """By its owner; other browsers are signed out. Raises WrongPassword, PasswordTooShort, TextTooLong."""
    if not is_password(old, account.password_hash):
        raise WrongPassword
    account.password_hash = hash_password(new)
    sign_ins.end_all(session, account, at=at, but=but)
    audit.record(session, "change password", account.name, actor=account.actor, at=at)


def change_role(session: Session, account: AccountRow, role: Role, *, actor: str, at: datetime) -> None:
    """Raises LastAdmin where nobody else would be one."""
    if account.role == role:
        return
    _keep_an_admin(session, account)
    audit.record(
        session, "change role", account.name, actor=actor, at=at, details={"from": account.role, "to": role}
    )
    account.role = role


def close(session: Session, account: AccountRow, *, actor: str, at: datetime) -> None:
    """Nobody signs in with it, and who is signed in is not any more. Raises LastAdmin."""
    if account.closed_at is not None:
        return
    _keep_an_admin(session, account)
    account.closed_at = at
    sign_ins.end_all(session, account, at=at)
    audit.record(session, "close account", account.name, actor=actor, at=at)


def reopen(session: Session, account: AccountRow, *, actor: str, at: datetime) -> None:
    if account.closed_at is None:
        return
    account.closed_at = None
    audit.record(session, "reopen account", account.name, actor=actor, at=at)


def sign_out(session: Session, account: AccountRow, *, actor: str, at: datetime) -> int:
    """End every sign-in of an account: how many that were."""
    ended = sign_ins.end_all(session, account, at=at)
    audit.record(session, "sign out", account.name, actor=actor, at=at, details={"browsers": ended})
    return ended


def _keep_an_admin(session: Session, account: AccountRow) -> None:
    """Admins are locked in the order of their ids: two who demote each other at once wait for each other."""
    if account.role != Role.ADMIN:
        return
    admins = session.scalars(
        select(AccountRow.id)
        .where(AccountRow.role == Role.ADMIN, AccountRow.closed_at.is_(None))
        .order_by(AccountRow.id)
        .with_for_update()
    ).all()
    if set(admins) <= {account.id}:
        raise LastAdmin(account.name)
