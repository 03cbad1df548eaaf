"""Invitations: the one way to an account. A link for one person, good once and for a week."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.accounts import audit, sign_ins
from services.accounts.managing import has_account
from services.accounts.passwords import hash_password
from services.accounts.tokens import digest_of, new_token
from services.db.account_tables import AccountRow, InvitationRow
from services.db.advisory_locks import Space, lock_alone
from services.db.feedback_tables import RaterRow
from services.domain.feedback import RaterId
from services.domain.roles import Role
from services.domain.single_line import check_line
from services.errors.people import AccountExists, InvitationUnusable

LIFETIME = timedelta(days=7)
NAME_LIMIT = 60  # characters


def invite(session: Session, role: Role, *, actor: str, at: datetime) -> str:
    """The token of a new invitation, which is told this once."""
    token = new_token()
    session.add(
        InvitationRow(
            token_digest=digest_of(token), role=role, actor=actor, created_at=at, expires_at=at + LIFETIME
        )
    )
    audit.record(session, "invite", f"a new {role}", actor=actor, at=at)
    return token


def find_invitation(session: Session, token: str, *, at: datetime) -> InvitationRow:
    """Locked until the transaction ends. Raises InvitationUnusable for any other."""
    row = session.scalars(
        select(InvitationRow).filter_by(token_digest=digest_of(token)).with_for_update()
    ).one_or_none()
    if row is None or row.account_id is not None or row.withdrawn_at is not None or row.expires_at <= at:
        raise InvitationUnusable
    return row


def waiting(session: Session, *, at: datetime) -> Sequence[InvitationRow]:
    """Those that somebody can still accept, the newest first."""
    open_ones = select(InvitationRow).where(
        InvitationRow.account_id.is_(None),
        InvitationRow.withdrawn_at.is_(None),
        InvitationRow.expires_at > at,
    )
    return session.scalars(open_ones.order_by(InvitationRow.id.desc())).all()


def accept(
    session: Session, token: str, *, name: str, password: str, rater: RaterId | None, at: datetime
) -> AccountRow:
    """The account that an invitation leads to; what `rater` said stays theirs, unless that is another's.

    Raises InvitationUnusable, AccountExists, PasswordTooShort and what `check_line` raises for the name.
    """
    invitation = find_invitation(session, token, at=at)
    name = check_line("name", name, limit=NAME_LIMIT)
    lock_alone(session, Space.ACCOUNTS)  # two at once may want one name, or be one rater
    if sign_ins.account_named(session, name) is not None:
        raise AccountExists(name)
    account = AccountRow(
        name=name,
        password_hash=hash_password(password),
        role=invitation.role,
        rater_id=_own_rater(session, rater, at=at),
        created_at=at,
    )
    session.add(account)
    session.flush()
    invitation.account_id = account.id
    audit.record(session, "accept invitation", name, actor=account.actor, at=at)
    return account


def withdraw(session: Session, invitation_id: int, *, actor: str, at: datetime) -> None:
    """Nobody can accept it from here on. Raises InvitationUnusable for one that is unknown or was used."""
    row = session.get(InvitationRow, invitation_id, with_for_update=True)
    if row is None or row.account_id is not None:
        raise InvitationUnusable
    if row.withdrawn_at is None:
        row.withdrawn_at = at
        audit.record(session, "withdraw invitation", f"number {invitation_id}", actor=actor, at=at)


def _own_rater(session: Session, rater: RaterId | None, *, at: datetime) -> RaterId:
    known = rater and session.get(RaterRow, rater)
    if known and known.erased_at is None and not has_account(session, RaterId(known.id)):
        return RaterId(known.id)
    fresh = RaterRow(created_at=at)
    session.add(fresh)
    session.flush()
    return RaterId(fresh.id)
