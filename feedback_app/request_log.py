"""One log line per request, naming answer, persona and version where known; never what people typed.

Paths are written as they came over the wire, percent-encoded: a decoded %0A would begin a line of its own.
"""

import logging
import time
from urllib.parse import quote

from flask import Flask, Response, g, request

logger = logging.getLogger(__name__)


def install(app: Flask) -> None:
    app.before_request(start_clock)
    app.after_request(write_line)


def start_clock() -> None:
    g.started = time.perf_counter()
    g.about = {}


def wire_path() -> str:
    """This request's path for a log: one printable word, whatever was sent; a secret in it is not written."""
    if request.url_rule and "token" in request.url_rule.arguments:
        return request.url_rule.rule
    return quote(request.path, safe="/:@")


def note(**about: object) -> None:
    """Adds to this request's line: answer, persona, version, error, refused."""
    g.about.update(about)


def write_line(response: Response) -> Response:
    if request.endpoint not in {"static", "bootstrap.static"}:
        about = "".join(f" {name}={quote(str(value))}" for name, value in g.about.items())
        milliseconds = (time.perf_counter() - g.started) * 1000
        logger.info(
            "%s %s %d %.0fms%s",
            request.method,
            wire_path(),
            response.status_code,
            milliseconds,
            about,
            extra={"about": {"status": response.status_code, "ms": round(milliseconds), **g.about}},
        )
    return response
