"""How the browser is kept from doing harm: CSRF tokens, cookie flags, size limit and response headers."""

from urllib.parse import urlsplit

from flask import Flask, Response, request
from flask.sessions import SecureCookieSessionInterface
from flask_wtf.csrf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix

# Room for the longest context and question when every character takes twelve bytes in a form.
LARGEST_FORM_BYTES = 1_000_000

HEADERS = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            "style-src 'self'",
            "script-src 'self'",
            "connect-src 'self'",  # an answer is told while it is written
            "img-src 'self' data:",  # Bootstrap draws its form marks from data: images
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}


STRICT_TRANSPORT = f"max-age={365 * 24 * 3600}"


class SchemeAwareSessions(SecureCookieSessionInterface):
    """Marks the session cookie Secure exactly when the page came over https."""

    def get_cookie_secure(self, app: Flask) -> bool:  # noqa: ARG002 - the signature is Flask's
        return request.is_secure


def install(app: Flask, *, secret_key: str, proxies: int) -> None:
    app.secret_key = secret_key
    if proxies:
        # Only what that many proxies wrote is believed; without any, nothing of the kind is.
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=proxies)  # type: ignore[method-assign]
    app.session_interface = SchemeAwareSessions()
    app.config["SESSION_COOKIE_SAMESITE"] = "Lax"
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_FORM_BYTES
    app.config["MAX_FORM_MEMORY_SIZE"] = LARGEST_FORM_BYTES  # one field may fill the form, however it is sent
    app.url_map.merge_slashes = False  # an address is right or unknown
    # A token lives as long as its session: a page left open over lunch must not cost what was typed into it.
    app.config["WTF_CSRF_TIME_LIMIT"] = None
    CSRFProtect(app)
    app.after_request(add_headers)


def add_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.is_secure:
        response.headers.setdefault("Strict-Transport-Security", STRICT_TRANSPORT)
    if response.location:
        # Werkzeug corrects an address by naming the host that the request claims; ours are all on this one.
        here = urlsplit(response.location)._replace(scheme="", netloc="")
        response.location = here._replace(path=f"/{here.path.lstrip('/')}").geturl()
    if request.endpoint not in {"static", "bootstrap.static"}:
        response.headers["Cache-Control"] = "no-store"
    return response
