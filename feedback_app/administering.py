"""The pages of admins: accounts and invitations to make one, and the log of every administrative act."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from feedback_app.backend import backend, now
from feedback_app.error_pages import refused
from feedback_app.forms import typed_text
from feedback_app.sentences import gettext
from feedback_app.signing_in import needs, require
from services.accounts import audit, invitations, managing
from services.db.session import session_scope
from services.domain.roles import Role
from services.errors.people import LastAdmin
from services.errors.tree import InvalidInput

blueprint = Blueprint("administering", __name__, url_prefix="/admin")

PAGE = 50  # entries of the log
LARGEST_ID = 2**63 - 1


@blueprint.get("/accounts")
@needs(Role.ADMIN)
def accounts() -> ResponseReturnValue:
    return _render()


@blueprint.post("/invitations")
def invite() -> str:
    """The page has the link, this once."""
    admin, role = require(Role.ADMIN), _read_role()
    with session_scope(backend().engine) as session:
        token = invitations.invite(session, role, actor=admin.actor, at=now())
    link = url_for("accounts.invitation", token=token, _external=True)
    return _render(link=link, invited=role)


@blueprint.post("/invitations/<int(max=2147483647):invitation_id>/withdraw")
def withdraw(invitation_id: int) -> Response:
    """Raises InvitationUnusable."""
    admin = require(Role.ADMIN)
    with session_scope(backend().engine) as session:
        invitations.withdraw(session, invitation_id, actor=admin.actor, at=now())
    return redirect(url_for("administering.accounts"), 303)


@blueprint.post("/accounts")
def change() -> Response:
    """One of the four things that can be done to an account. Raises UnknownAccount."""
    admin, act = require(Role.ADMIN), typed_text(request.form, "act")
    try:
        with session_scope(backend().engine) as session:
            account = managing.find_account(session, typed_text(request.form, "name"))
            match act:
                case "role":
                    managing.change_role(session, account, _read_role(), actor=admin.actor, at=now())
                case "close":
                    managing.close(session, account, actor=admin.actor, at=now())
                case "reopen":
                    managing.reopen(session, account, actor=admin.actor, at=now())
                case "sign out":
                    managing.sign_out(session, account, actor=admin.actor, at=now())
                case _:
                    raise InvalidInput(gettext("There is no such thing to do: use the buttons of the page."))
    except LastAdmin as problem:
        return refused(_render(problem=problem), problem)
    return redirect(url_for("administering.accounts"), 303)


@blueprint.get("/audit")
@needs(Role.ADMIN)
def audit_log() -> ResponseReturnValue:
    before = request.args.get("before", type=int)
    with session_scope(backend().engine) as session:
        before = min(before, LARGEST_ID) if before is not None and before > 0 else None
        found = audit.newest(session, limit=PAGE + 1, before=before)
        return render_template(
            "audit.html",
            entries=found[:PAGE],
            in_words=audit.in_words,
            older=found[PAGE - 1].id if len(found) > PAGE else None,
        )


def _render(*, link: str = "", invited: str = "", problem: LastAdmin | None = None) -> str:
    with session_scope(backend().engine) as session:
        return render_template(
            "accounts.html",
            accounts=managing.accounts(session),
            invitations=invitations.waiting(session, at=now()),
            link=link,
            invited=invited,
            problem_text=str(problem or ""),
        )


def _read_role() -> Role:
    try:
        return Role(typed_text(request.form, "role"))
    except ValueError as error:
        raise InvalidInput(gettext("There is no such role: choose one of the list.")) from error
