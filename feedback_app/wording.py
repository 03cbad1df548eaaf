"""How values read on a page: stars, versions, moments. Template filters; no markup lives here."""

import zlib
from datetime import UTC, datetime

from flask import Flask

from feedback_app.forms import new_submission
from services.domain.feedback import Reason

STAR_WORDS = {1: "wrong", 2: "poor", 3: "fair", 4: "good", 5: "excellent"}
TONES = 6  # as many as style.css knows


def install(app: Flask) -> None:
    app.add_template_filter(stars_in_words)
    app.add_template_filter(version_in_words)
    app.add_template_filter(moment)
    app.add_template_filter(tone)
    app.jinja_env.globals |= {"STAR_WORDS": STAR_WORDS, "REASONS": [reason.value for reason in Reason]}
    app.add_template_global(new_submission)


def stars_in_words(stars: int) -> str:
    return "1 star" if stars == 1 else f"{stars} stars"


def version_in_words(version: int) -> str:
    """`v3`; version 0 is the base before any training."""
    return f"v{version}" if version else "v0 (plain base)"


def moment(at: datetime) -> str:
    """`21 November 2026, 00:05 UTC`."""
    in_utc = at.astimezone(UTC)
    return f"{in_utc.day} {in_utc:%B %Y, %H:%M} UTC"


def tone(slug: str) -> str:
    """The style class that colours a persona, the same on every page."""
    return f"tone-{zlib.crc32(slug.encode()) % TONES}"
