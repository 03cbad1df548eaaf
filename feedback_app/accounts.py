"""The pages of accounts: signing in and out, accepting an invitation, one's own account."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from feedback_app import limits, raters
from feedback_app.backend import backend, now
from feedback_app.error_pages import refused
from feedback_app.forms import typed_text
from feedback_app.own_pages import own_page
from feedback_app.sentences import gettext
from feedback_app.signing_in import Member, current_member, enter, leave, member_of, needs, require
from services.accounts import invitations, managing, sign_ins
from services.accounts.passwords import SHORTEST
from services.db.account_tables import AccountRow
from services.db.session import session_scope
from services.domain.roles import Role
from services.errors.outages import TooOften
from services.errors.people import AccountExists, WrongPassword
from services.errors.tree import InvalidInput, PersonaLoopError

blueprint = Blueprint("accounts", __name__)


@blueprint.get("/sign-in")
def sign_in_page() -> str:
    return _render_sign_in(request.args.get("to", ""))


@blueprint.post("/sign-in")
def sign_in() -> Response:
    to, name = typed_text(request.form, "to"), typed_text(request.form, "name")
    try:
        limits.refuse_guessing(name)
        with session_scope(backend().engine) as session:
            account = sign_ins.check_password(session, name=name, password=request.form.get("password", ""))
            member = _signed_in(session, account)
    except (WrongPassword, TooOften) as problem:
        if isinstance(problem, WrongPassword):
            limits.count_wrong_password(name)
        return refused(_render_sign_in(to, name=name, problem=problem), problem)
    enter(member)
    return redirect(own_page(to) or url_for("accounts.own"), 303)


@blueprint.post("/sign-out")
def sign_out() -> Response:
    leave()
    return redirect(url_for("personas.choose"), 303)


@blueprint.get("/invitations/<token>")
def invitation(token: str) -> str:
    return _render_invitation(token)


@blueprint.post("/invitations/<token>")
def accept(token: str) -> Response:
    name, rater = typed_text(request.form, "name"), raters.current_rater()
    try:
        with session_scope(backend().engine) as session:
            account = invitations.accept(
                session,
                token,
                name=name,
                password=request.form.get("password", ""),
                rater=rater,
                at=now(),
            )
            member = _signed_in(session, account)
    except (InvalidInput, AccountExists) as problem:
        return refused(_render_invitation(token, name=name, problem=problem), problem)
    enter(member)
    return redirect(url_for("accounts.own"), 303)


@blueprint.get("/account")
@needs(Role.RATER)
def own() -> ResponseReturnValue:
    return _render_own()


@blueprint.post("/account/password")
def change_password() -> Response:
    member = require(Role.RATER)
    try:
        limits.refuse_guessing(member.name)
        with session_scope(backend().engine) as session:
            managing.change_password(
                session,
                session.get_one(AccountRow, member.account_id),
                old=request.form.get("old", ""),
                new=request.form.get("new", ""),
                at=now(),
                but=member.token,
            )
    except (InvalidInput, WrongPassword, TooOften) as problem:
        if isinstance(problem, WrongPassword):
            limits.count_wrong_password(member.name)
        return refused(_render_own(problem=problem), problem)
    return redirect(url_for("accounts.own", said="password"), 303)


@blueprint.post("/account/leave-everywhere")
def leave_everywhere() -> Response:
    member = require(Role.RATER)
    with session_scope(backend().engine) as session:
        sign_ins.end_all(session, session.get_one(AccountRow, member.account_id), at=now())
    leave()
    return redirect(url_for("accounts.sign_in_page"), 303)


def _signed_in(session: Session, account: AccountRow) -> Member:
    return member_of(session, account, sign_ins.sign_in(session, account, at=now()))


def _render_sign_in(to: str, *, name: str = "", problem: PersonaLoopError | None = None) -> str:
    return render_template("sign_in.html", to=own_page(to), name=name, problem_text=str(problem or ""))


def _render_invitation(token: str, *, name: str = "", problem: PersonaLoopError | None = None) -> str:
    with session_scope(backend().engine) as session:
        role = invitations.find_invitation(session, token, at=now()).role
    return render_template(
        "invitation.html",
        token=token,
        role=role,
        name=name,
        shortest=SHORTEST,
        problem_text=str(problem or ""),
    )


def _render_own(problem: PersonaLoopError | None = None) -> str:
    return render_template(
        "account.html",
        own=current_member(),
        shortest=SHORTEST,
        problem_text=str(problem or ""),
        saved_text=gettext("Your password is changed; every other browser is signed out.")
        if request.args.get("said") == "password"
        else "",
    )
