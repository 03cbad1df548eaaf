"""Signing in as a curator, who judges and approves: by the one token of this installation.

The visit keeps a sign-in's id until the browser is closed. Leaving ends the sign-in itself, so that a copy
of the cookie is worth nothing afterwards; another token ends every one. Accounts are no matter here.
"""

import hmac
import re
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from uuid import UUID

from flask import Blueprint, current_app, redirect, render_template, request, url_for
from flask import session as visit
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from feedback_app.backend import backend, now
from feedback_app.error_pages import status_of, with_status
from feedback_app.forms import typed_text
from services.db.session import session_scope
from services.errors.outages import TooManyTries
from services.errors.refusals import NotACurator, WrongToken
from services.errors.tree import InvalidInput
from services.feedback import sign_ins
from services.feedback.single_line import check_line

blueprint = Blueprint("curators", __name__, url_prefix="/curator")

NAME_LIMIT = 60  # characters
MOST_WRONG = 10  # tries from one address
WITHIN = timedelta(minutes=1)
_OWN_PAGE = re.compile(r"(/[\w-]+)+", re.ASCII)


@dataclass(slots=True)
class WrongTries:
    """By address, in this process. Guessing the token is hopeless; this keeps it from being fast as well."""

    _at: defaultdict[str, list[datetime]] = field(default_factory=lambda: defaultdict(list))
    _lock: Lock = field(default_factory=Lock)

    def refuse_many(self, address: str, *, at: datetime) -> None:
        """Raises TooManyTries after too many within the last minute."""
        with self._lock:
            for known in list(self._at):
                self._at[known] = [one for one in self._at[known] if at - one < WITHIN]
                if not self._at[known]:
                    del self._at[known]
            if len(self._at.get(address, ())) >= MOST_WRONG:
                raise TooManyTries(int(WITHIN.total_seconds()))

    def add(self, address: str, *, at: datetime) -> None:
        with self._lock:
            self._at[address].append(at)


@blueprint.get("")
def page() -> str:
    return _render(request.args.get("to", ""))


@blueprint.post("")
def sign_in() -> Response:
    to = typed_text(request.form, "to")
    try:
        name = check_line("name", typed_text(request.form, "name"), limit=NAME_LIMIT)
        _check_token(typed_text(request.form, "token").strip())
    except (InvalidInput, WrongToken, TooManyTries) as problem:
        return with_status(_render(to, problem=str(problem)), status_of(problem))
    with session_scope(backend().engine) as session:
        _end(session)
        visit["sign_in"] = [str(sign_ins.begin(session, name=name, at=now())), _mark()]
    return redirect(_own_page(to) or url_for("curators.page"), 303)


@blueprint.post("/leave")
def sign_out() -> Response:
    with session_scope(backend().engine) as session:
        _end(session)
    return redirect(url_for("curators.page"), 303)


def current_curator() -> str | None:
    """The name of the curator of this visit."""
    sign_in = _sign_in()
    if sign_in is None:
        return None
    with session_scope(backend().engine) as session:
        return sign_ins.name_of(session, sign_in, at=now())


def require_curator() -> str:
    """As `current_curator`; raises NotACurator without one."""
    name = current_curator()
    if name is None:
        raise NotACurator
    return name


def sign_in_first() -> Response:
    """To the sign-in, and from there back to the page of this request."""
    return redirect(url_for("curators.page", to=request.path), 303)


def _render(to: str, problem: str = "") -> str:
    return render_template(
        "curator.html",
        to=_own_page(to),
        problem_text=problem,
        name=typed_text(request.form, "name"),
        curator=current_curator(),
    )


def _check_token(given: str) -> None:
    """Raises WrongToken, TooManyTries."""
    tries: WrongTries = current_app.extensions["wrong_tries"]
    address = request.remote_addr or ""
    tries.refuse_many(address, at=now())
    token = backend().settings.curator_token.get_secret_value()
    if not hmac.compare_digest(given.encode(), token.encode()):
        tries.add(address, at=now())
        raise WrongToken


def _sign_in() -> UUID | None:
    """That of this visit, under the present token; it may have ended."""
    match visit.get("sign_in"):
        case [str(sign_in), str(mark)] if hmac.compare_digest(mark, _mark()):
            return UUID(sign_in)
    return None


def _end(session: Session) -> None:
    sign_in = _sign_in()
    visit.pop("sign_in", None)
    if sign_in is not None:
        sign_ins.end(session, sign_in)


def _mark() -> str:
    """What a visit keeps of the token, which is not readable from it."""
    token = backend().settings.curator_token.get_secret_value()
    return hmac.digest(str(current_app.secret_key).encode(), f"curator {token}".encode(), "sha256").hex()


def _own_page(to: str) -> str:
    """A page of this site, or nothing: no form leads elsewhere."""
    return to if _OWN_PAGE.fullmatch(to) else ""
