"""Browsers in which somebody signed in before: what strangers guess under that name keeps nobody out of them.

The cookie opens nothing: wrong passwords from a browser that has one are counted as everybody's are, but on
their own. Source: OWASP, "Slow Down Online Guessing Attacks with Device Cookies".
"""

import secrets
from datetime import timedelta

from flask import Flask, Response, current_app, g, request
from itsdangerous import BadSignature, URLSafeTimedSerializer

from services.accounts.tokens import digest_of

COOKIE = "browser"
LIFETIME = timedelta(days=365)


def install(app: Flask) -> None:
    app.after_request(_remember)


def know(name: str) -> None:
    """From this response on, until somebody signs in under another name."""
    g.name_to_know = name


def whose_guess(name: str) -> str:
    """Under what wrong passwords for this name are counted here, in no case of letters; names are of any
    length and signs.
    """
    digest = digest_of(name.strip().lower())
    try:
        known, browser = _signer().loads(
            request.cookies.get(COOKIE, ""), max_age=int(LIFETIME.total_seconds())
        )
    except BadSignature:
        return digest
    return f"{digest} {browser}" if known == digest else digest


def _remember(response: Response) -> Response:
    if "name_to_know" in g:
        response.set_cookie(
            COOKIE,
            _signer().dumps([digest_of(g.name_to_know.strip().lower()), secrets.token_urlsafe(9)]),
            max_age=LIFETIME,
            httponly=True,
            samesite="Lax",
            secure=request.is_secure,
        )
    return response


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(str(current_app.secret_key), salt="known-browser")
