"""Who is signed in, and what their role lets them do. The pages of it are in `accounts`."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import wraps
from typing import ParamSpec
from uuid import UUID

import flask_login
from flask import Flask, redirect, request, url_for
from flask import session as visit
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from feedback_app import known_browsers
from feedback_app.backend import backend, now
from services.accounts import managing, sign_ins
from services.db.account_tables import AccountRow
from services.db.session import session_scope
from services.domain.feedback import RaterId
from services.domain.roles import Role
from services.errors.outages import DatabaseUnavailable
from services.errors.people import NotAllowed

Parameters = ParamSpec("Parameters")
View = Callable[Parameters, ResponseReturnValue]


@dataclass(frozen=True, slots=True)
class Member(flask_login.UserMixin):  # type: ignore[misc]
    """Whoever a request is signed in as. Flask-Login keeps the sign-in's token, and never an account's id."""

    token: str
    account_id: UUID
    name: str
    role: Role
    actor: str  # as journals and ledgers name them
    rater: RaterId

    def get_id(self) -> str:
        return self.token


def install(app: Flask) -> None:
    manager = flask_login.LoginManager(app)
    manager.session_protection = None  # the token is the protection; a phone changes its address all day
    manager.user_loader(_load)
    app.before_request(_look_up)
    app.context_processor(lambda: {"member": current_member(), "Role": Role})


def current_member() -> Member | None:
    found = flask_login.current_user
    return found if found.is_authenticated else None


def _look_up() -> None:
    """Before a view opens a transaction, in whose midst it would wait for a second connection: where as many
    readers as connections do, nobody is answered any more.
    """
    if request.endpoint not in {"static", "bootstrap.static"}:
        with suppress(DatabaseUnavailable):  # the view says so, if it needs to know
            current_member()


def enter(member: Member) -> None:
    """From here on this browser is signed in, in a visit of its own: nothing of the one before is kept."""
    visit.clear()
    flask_login.login_user(member)
    known_browsers.know(member.name)


def leave() -> None:
    """The sign-in is over for whoever holds its token, and the visit with it."""
    member = current_member()
    if member is not None:
        with session_scope(backend().engine) as session:
            sign_ins.sign_out(session, member.token, at=now())
    flask_login.logout_user()
    visit.clear()


def require(role: Role) -> Member:
    """Raises NotAllowed for nobody, and for a role that does not cover this one."""
    member = current_member()
    if member is None or not member.role.covers(role):
        raise NotAllowed(role, member.role if member else "")
    return member


def needs(role: Role) -> Callable[[View[Parameters]], View[Parameters]]:
    """A page for this role: who is not signed in goes to the sign-in, and from there back here."""

    def guarding(view: View[Parameters]) -> View[Parameters]:
        @wraps(view)
        def guarded(*args: Parameters.args, **given: Parameters.kwargs) -> ResponseReturnValue:
            if current_member() is None and request.method == "GET":
                return redirect(url_for("accounts.sign_in_page", to=request.path), 303)
            require(role)
            return view(*args, **given)

        return guarded

    return guarding


def _load(token: str) -> Member | None:
    with session_scope(backend().engine) as session:
        row = sign_ins.find_sign_in(session, token, at=now())
        if row is None:
            return None
        return member_of(session, row.account, token)


def member_of(session: Session, account: AccountRow, token: str) -> Member:
    """Whoever signed in under this account, known by this token."""
    return Member(
        token=token,
        account_id=account.id,
        name=account.name,
        role=Role(account.role),
        actor=account.actor,
        rater=managing.rater_of(session, account, at=now()),
    )
