"""Accounts from the command line: invitations, roles, closing; and the audit log of every such act."""

from typing import Any

from services.accounts import audit, invitations, managing, sign_ins
from services.accounts.passwords import hash_password
from services.db.account_tables import AccountRow, AuditEntryRow
from services.db.session import session_scope
from services.domain.roles import Role
from services.jobs.installation import now, open_installation

Record = dict[str, Any]


def invite(role: Role, actor: str) -> str:
    """The token of a new invitation."""
    with open_installation() as installation, session_scope(installation.engine) as session:
        return invitations.invite(session, role, actor=actor, at=now())


def listed() -> list[Record]:
    with open_installation() as installation, session_scope(installation.engine) as session:
        return [_record(row) for row in managing.accounts(session)]


def change_role(name: str, role: Role, actor: str) -> Record:
    """Raises UnknownAccount, LastAdmin."""
    with open_installation() as installation, session_scope(installation.engine) as session:
        account = managing.find_account(session, name)
        managing.change_role(session, account, role, actor=actor, at=now())
        return _record(account)


def close(name: str, actor: str) -> Record:
    """Raises UnknownAccount, LastAdmin."""
    with open_installation() as installation, session_scope(installation.engine) as session:
        account = managing.find_account(session, name)
        managing.close(session, account, actor=actor, at=now())
        return _record(account)


def reopen(name: str, actor: str) -> Record:
    """Raises UnknownAccount."""
    with open_installation() as installation, session_scope(installation.engine) as session:
        account = managing.find_account(session, name)
        managing.reopen(session, account, actor=actor, at=now())
        return _record(account)


def set_password(name: str, password: str, actor: str) -> Record:
    """For who forgot theirs. Raises UnknownAccount, PasswordTooShort, TextTooLong."""
    with open_installation() as installation, session_scope(installation.engine) as session:
        account = managing.find_account(session, name)
        account.password_hash = hash_password(password)
        sign_ins.end_all(session, account, at=now())
        audit.record(session, "set password", account.name, actor=actor, at=now())
        return _record(account)


def sign_out(name: str, actor: str) -> int:
    """End every sign-in of an account: how many that were. Raises UnknownAccount."""
    with open_installation() as installation, session_scope(installation.engine) as session:
        account = managing.find_account(session, name)
        return managing.sign_out(session, account, actor=actor, at=now())


def audit_log(limit: int) -> list[Record]:
    """The newest entries first."""
    with open_installation() as installation, session_scope(installation.engine) as session:
        return [_entry(row) for row in audit.newest(session, limit=limit)]


def told(entry: Record) -> Record:
    """The entry as a table has it."""
    words = audit.in_words(entry["act"], entry["details"])
    return entry | {"details": "; ".join(f"{name}: {value}" for name, value in words.items())}


def _record(row: AccountRow) -> Record:
    return {
        "name": row.name,
        "role": row.role,
        "rater": str(row.rater_id),
        "created_at": row.created_at.isoformat(),
        "closed_at": row.closed_at.isoformat() if row.closed_at else None,
    }


def _entry(row: AuditEntryRow) -> Record:
    return {
        "entry": row.id,
        "at": row.at.isoformat(),
        "actor": row.actor,
        "act": row.act,
        "subject": row.subject,
        "details": row.details,
    }
