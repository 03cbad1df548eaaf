"""Who is acting: the rater of the account that is signed in, else one known only by a signed, anonymous
cookie, made on the first ask.

A cookie that is forged, damaged, too old or names a rater the database does not hold counts as no cookie, and
so does one from before its rater had an account: who is not signed in, or planted it, sees nothing of that.
Who keeps coming keeps theirs: it is made anew when it is a day old.
"""

import hmac
from datetime import datetime, timedelta
from uuid import UUID

from flask import Flask, Response, current_app, g, request
from flask import session as visit
from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from feedback_app.backend import backend, now
from feedback_app.signing_in import current_member
from services.accounts.managing import has_account
from services.db.feedback_tables import RaterRow
from services.db.session import single_statement
from services.domain.feedback import RaterId
from services.errors.people import NotTheAsker
from services.feedback.agreements import WORDING
from services.feedback.rating import Terms

COOKIE = "rater"
LIFETIME = timedelta(days=365)
RENEWED_AFTER = timedelta(days=1)


def install(app: Flask) -> None:
    app.after_request(remember)


def current_rater() -> RaterId | None:
    """The rater of whoever is signed in, else the one whose soundly signed cookie came with this request."""
    if "rater" not in g:
        member = current_member()
        g.rater = member.rater if member else _rater_of_cookie()
    found: RaterId | None = g.rater
    return found


def _rater_of_cookie() -> RaterId | None:
    named = _named_by_cookie()
    if named is None:
        return None
    rater, signed_at = named
    with single_statement(backend().single) as session:
        if has_account(session, rater):
            return None
    if now() - signed_at > RENEWED_AFTER:
        g.rater_to_remember = rater
    return rater


def _named_by_cookie() -> tuple[RaterId, datetime] | None:
    """Whom a cookie of ours names, and when it was signed; whether they have an account is not looked at."""
    try:
        text, signed_at = _signer().loads(
            request.cookies.get(COOKIE, ""), max_age=int(LIFETIME.total_seconds()), return_timestamp=True
        )
    except BadSignature:
        return None
    return RaterId(UUID(text)), signed_at


def require_rater() -> RaterId:
    """The current rater; NotTheAsker without one, since who never asked has no answer to look at."""
    rater = current_rater()
    if rater is None:
        raise NotTheAsker
    return rater


def claimed_rater() -> tuple[RaterId, Terms]:
    """As `require_rater`, a statement less: whether the rater has an account and agreed is left to whoever
    writes, on these terms. Raises NotTheAsker.
    """
    member = current_member()
    if member:
        return member.rater, Terms(wording=WORDING)
    named = _named_by_cookie()
    if named is None:
        raise NotTheAsker
    return named[0], Terms(wording=WORDING, without_account=True)


def rater_for_asking(session: Session, known: RaterId | None) -> RaterId:
    """The current rater, or a new one whose cookie leaves with this response, whatever becomes of the ask.

    `known` is what `current_rater` said. A new one is stored with its question.
    """
    if known is not None:
        row = session.get(RaterRow, known)
        if row is not None and row.erased_at is None:
            return known
    fresh = _rater_of_visit()
    while _is_taken(session, fresh):
        fresh = _rater_of_visit(after=fresh)
    g.rater_to_remember = fresh
    return fresh


def _is_taken(session: Session, rater: RaterId) -> bool:
    """Erased, or of an account by now, which a visit of before does not speak for."""
    row = session.get(RaterRow, rater)
    return row is not None and (row.erased_at is not None or has_account(session, rater))


def _rater_of_visit(after: RaterId | None = None) -> RaterId:
    """A rater's id made from the visit's own secret, which the form's CSRF token has just matched.

    Who sends a first form twice, before any cookie of ours came back, is one rater; `after` is taken, and its
    id is not given again.
    """
    secret = f"rater of visit {visit['csrf_token']} {after or ''}".strip().encode()
    return RaterId(UUID(bytes=hmac.digest(str(current_app.secret_key).encode(), secret, "sha256")[:16]))


def remember(response: Response) -> Response:
    """The response with the cookie of a rater who is new, or whose cookie is to be renewed."""
    if "rater_to_remember" in g:
        response.set_cookie(
            COOKIE,
            _signer().dumps(str(g.rater_to_remember)),
            max_age=LIFETIME,
            httponly=True,
            samesite="Lax",
            secure=request.is_secure,
        )
    return response


def forget(response: AnyResponse) -> AnyResponse:
    """The response, with which this browser's cookie goes: its rater was erased."""
    g.pop("rater_to_remember", None)
    response.delete_cookie(COOKIE)
    return response


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(str(current_app.secret_key), salt="rater-cookie")
