"""Drawings as responses: SVG that brings its own style sheet along, as wide as was asked within reason."""

import base64
import hashlib

from flask import Response, request

from services.drawing import STYLE

NARROW, WIDE = 360, 720  # pixels

# The policy of pages would not let a drawing's style sheet in.
_STYLE = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
_POLICY = f"default-src 'none'; style-src 'sha256-{_STYLE}'; frame-ancestors 'none'"


def asked_width() -> int:
    """As asked, within what can be read."""
    return min(max(request.args.get("width", WIDE, int), NARROW), 4 * WIDE)


def drawing_response(svg: str) -> Response:
    return Response(svg, mimetype="image/svg+xml", headers={"Content-Security-Policy": _POLICY})
