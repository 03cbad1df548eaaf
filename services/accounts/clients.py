"""Clients of the API: whoever brings a chat of their own. A token each, told once, that can be taken away."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.accounts import audit
from services.accounts.tokens import digest_of, new_token
from services.db.client_tables import ClientRow
from services.domain.scopes import Scope
from services.domain.single_line import check_line
from services.errors.lookups import UnknownClient
from services.errors.people import ClientExists, TokenUnusable

NAME_LIMIT = 60  # characters


@dataclass(frozen=True, slots=True)
class Client:
    """Whoever a token is of, as a request needs it."""

    id: int
    name: str
    scopes: frozenset[Scope]


def create(session: Session, name: str, scopes: Collection[Scope], *, actor: str, at: datetime) -> str:
    """The token of a new client, which is told this once.

    Raises ClientExists, and what `check_line` raises for the name.
    """
    name = check_line("name", name, limit=NAME_LIMIT)
    if session.scalar(select(ClientRow.id).filter_by(name=name)) is not None:
        raise ClientExists(name)
    token, granted = new_token(), sorted(scope.value for scope in scopes)
    session.add(ClientRow(name=name, scopes=granted, token_digest=digest_of(token), created_at=at))
    audit.record(session, "create client", name, actor=actor, at=at, details={"scopes": granted})
    return token


def renew(session: Session, name: str, *, actor: str, at: datetime) -> str:
    """Another token, told this once, for the one that was, revoked or not. Raises UnknownClient."""
    row, token = _locked(session, name), new_token()
    row.token_digest, row.revoked_at = digest_of(token), None
    audit.record(session, "renew client", name, actor=actor, at=at, details={"scopes": row.scopes})
    return token


def revoke(session: Session, name: str, *, actor: str, at: datetime) -> None:
    """Its token opens nothing from here on. Raises UnknownClient."""
    row = _locked(session, name)
    if row.revoked_at is None:
        row.revoked_at = at
        audit.record(session, "revoke client", name, actor=actor, at=at)


def clients(session: Session) -> Sequence[ClientRow]:
    """Every client, by name."""
    return session.scalars(select(ClientRow).order_by(ClientRow.name)).all()


def client_of(session: Session, token: str) -> Client:
    """Raises TokenUnusable."""
    row = session.scalar(select(ClientRow).filter_by(token_digest=digest_of(token)))
    if row is None or row.revoked_at is not None:
        raise TokenUnusable
    return Client(row.id, row.name, frozenset(Scope(scope) for scope in row.scopes))


def _locked(session: Session, name: str) -> ClientRow:
    row = session.scalar(select(ClientRow).filter_by(name=name).with_for_update())
    if row is None:
        raise UnknownClient(name)
    return row
