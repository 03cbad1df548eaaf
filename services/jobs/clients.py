"""Clients of the API from the command line."""

from typing import Any

from services.accounts import clients
from services.db.session import session_scope
from services.domain.scopes import Scope
from services.jobs.installation import now, open_installation


def create(name: str, scopes: list[Scope], actor: str) -> str:
    """The token. Raises ClientExists, EmptyText, TextTooLong, ForbiddenCharacter."""
    with open_installation() as installation, session_scope(installation.engine) as session:
        return clients.create(session, name, scopes, actor=actor, at=now())


def renew(name: str, actor: str) -> str:
    """The token. Raises UnknownClient."""
    with open_installation() as installation, session_scope(installation.engine) as session:
        return clients.renew(session, name, actor=actor, at=now())


def revoke(name: str, actor: str) -> None:
    """Raises UnknownClient."""
    with open_installation() as installation, session_scope(installation.engine) as session:
        clients.revoke(session, name, actor=actor, at=now())


def listed() -> list[dict[str, Any]]:
    with open_installation() as installation, session_scope(installation.engine) as session:
        return [
            {
                "name": row.name,
                "scopes": ", ".join(row.scopes),
                "created_at": row.created_at.isoformat(),
                "revoked_at": row.revoked_at.isoformat() if row.revoked_at else None,
            }
            for row in clients.clients(session)
        ]
