"""Signing in: a browser that showed the password gets a token, by which it is known until that is ended."""

from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from services.accounts.passwords import hash_password, is_password, outdated
from services.accounts.tokens import digest_of, new_token
from services.db.account_tables import AccountRow, SignInRow
from services.errors.people import WrongPassword

LIFETIME = timedelta(days=14)


def account_named(session: Session, name: str) -> AccountRow | None:
    """In any case of letters; nobody's name has a NUL, about which the database cannot even be asked."""
    if "\x00" in name:
        return None
    wanted = func.lower(AccountRow.name) == func.lower(name.strip())
    return session.scalars(select(AccountRow).where(wanted)).one_or_none()


def check_password(session: Session, *, name: str, password: str) -> AccountRow:
    """The account of this name. Raises WrongPassword, which tells nobody whether there is such an account."""
    account = account_named(session, name)
    open_account = account if account and account.closed_at is None else None
    if not is_password(password, open_account.password_hash if open_account else None) or not open_account:
        raise WrongPassword
    if outdated(open_account.password_hash):
        open_account.password_hash = hash_password(password)
    return open_account


def sign_in(session: Session, account: AccountRow, *, at: datetime) -> str:
    """The token by which this browser is known from here on; it is told this once."""
    token = new_token()
    session.add(
        SignInRow(
            token_digest=digest_of(token), account_id=account.id, created_at=at, expires_at=at + LIFETIME
        )
    )
    return token


def find_sign_in(session: Session, token: str, *, at: datetime) -> SignInRow | None:
    """The sign-in that this token names, while it lasts."""
    row = session.scalars(select(SignInRow).filter_by(token_digest=digest_of(token))).one_or_none()
    if row is None or row.ended_at is not None or row.expires_at <= at or row.account.closed_at is not None:
        return None
    return row


def sign_out(session: Session, token: str, *, at: datetime) -> None:
    session.execute(
        update(SignInRow)
        .where(SignInRow.token_digest == digest_of(token), SignInRow.ended_at.is_(None))
        .values(ended_at=at)
    )


def end_all(session: Session, account: AccountRow, *, at: datetime, but: str = "") -> int:
    """End every sign-in of an account, but for the one of the token `but`: how many that were."""
    ended = session.execute(
        update(SignInRow)
        .where(
            SignInRow.account_id == account.id,
            SignInRow.ended_at.is_(None),
            SignInRow.expires_at > at,
            SignInRow.token_digest != digest_of(but),
        )
        .values(ended_at=at)
        .returning(SignInRow.id)
    )
    return len(ended.all())
