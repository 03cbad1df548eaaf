"""How values read on a page: stars, versions, moments, answers. Template filters; no markup lives here."""

import json
import math
import re
import zlib
from datetime import UTC, datetime
from functools import cache
from uuid import UUID

from babel.dates import format_date, format_time
from babel.numbers import format_decimal
from flask import Flask
from markupsafe import Markup, escape

from feedback_app.answer_rules import format_checked, format_in_words
from feedback_app.differences import difference
from feedback_app.forms import new_submission
from feedback_app.sentences import (
    current_locale,
    gettext,
    in_english,
    isolated,
    lazy_gettext,
    ngettext,
    spoken,
)
from feedback_app.words import act_in_words, word
from services.demo.question_bank import rateable
from services.domain.answer_formats import AnswerFormat, listed_options
from services.domain.feedback import Reason, Said, Thumb
from services.evaluation.wording import breakable, slice_in_words, title_of
from services.feedback.agreements import WORDING
from services.training.memory_parts import COUNTED, sentence, size_words

FORMAT_NAMES = {
    AnswerFormat.FREE_TEXT: lazy_gettext("a text"),
    AnswerFormat.MCQ: lazy_gettext("the letter of an option"),
    AnswerFormat.SAQ: lazy_gettext("a short text"),
    AnswerFormat.JSON: lazy_gettext("JSON"),
}
STAR_WORDS = {
    1: lazy_gettext("wrong"),
    2: lazy_gettext("poor"),
    3: lazy_gettext("fair"),
    4: lazy_gettext("good"),
    5: lazy_gettext("excellent"),
}
THUMB_WORDS = {Thumb.UP: lazy_gettext("thumb up"), Thumb.DOWN: lazy_gettext("thumb down")}
REASON_KEYS = {
    Reason.WRONG_FACT: "w",
    Reason.OFF_PERSONA: "o",
    Reason.UNSAFE: "n",
    Reason.TOO_LONG: "l",
    Reason.TOO_SHORT: "h",
    Reason.UNCLEAR: "c",
    Reason.GREAT: "g",
}
THUMB_KEYS = {Thumb.UP: "+", Thumb.DOWN: "-"}
TONES = 6  # as many as style.css knows

_COMMAND = re.compile(r"`([^`]+)`")


def install(app: Flask) -> None:
    app.add_template_filter(stars_in_words)
    app.add_template_filter(rating_in_words)
    app.add_template_filter(difference)
    app.add_template_filter(version_in_words)
    app.add_template_filter(moment)
    app.add_template_filter(instant)
    app.add_template_filter(moment_of_iso)
    app.add_template_filter(title_in_words, "title_of")
    app.add_template_filter(slice_in_words)
    app.add_template_filter(figure)
    app.add_template_filter(signed)
    app.add_template_filter(breakable)
    app.add_template_filter(with_commands)
    app.add_template_filter(format_in_words)
    app.add_template_filter(format_checked)
    app.add_template_filter(format_name)
    app.add_template_filter(option_named)
    app.add_template_filter(laid_out)
    app.add_template_filter(schema_laid_out)
    app.add_template_filter(tone)
    app.add_template_filter(pseudonym)
    app.add_template_filter(duration)
    app.add_template_filter(loss)
    app.add_template_filter(word)
    app.add_template_filter(act_in_words)
    app.add_template_filter(isolated)
    app.add_template_filter(spoken)
    app.add_template_filter(in_english)
    app.add_template_filter(size_words)
    app.add_template_filter(sentence, "memory_sentence")
    app.jinja_env.globals |= {
        "STAR_WORDS": STAR_WORDS,
        "THUMB_WORDS": THUMB_WORDS,
        "REASONS": [reason.value for reason in Reason],
        "REASON_KEYS": REASON_KEYS,
        "THUMB_KEYS": THUMB_KEYS,
        "MEMORY_COUNTED": COUNTED,
        "WORDING": WORDING,
    }
    app.add_template_global(new_submission)


def stars_in_words(stars: int) -> str:
    return ngettext("%(num)d star", "%(num)d stars", stars)


def rating_in_words(given: int | Thumb) -> str:
    return str(THUMB_WORDS[given]) if isinstance(given, Thumb) else stars_in_words(given)


def taken_back_in_words(said: Said) -> str:
    match said:
        case Said.RATING:
            return gettext("Your rating is taken back. The one before it, if any, counts again.")
        case Said.CORRECTION:
            return gettext("Your better answer is taken back. The one before it, if any, counts again.")
        case Said.COMMENT:
            return gettext("Your comment is taken back. The one before it, if any, counts again.")


def version_in_words(version: int) -> str:
    """`v3`; version 0 is the base before any training."""
    return isolated(f"v{version}" if version else gettext("v0 (plain base)"))


def format_name(format: AnswerFormat) -> str:  # noqa: A002 - the field's name
    return str(FORMAT_NAMES[format])


def option_named(letter: str, question: str) -> str:
    """The option that the question lists under this letter; empty where there is none."""
    return listed_options(question).get(letter, "")


def schema_laid_out(schema: str) -> str:
    return laid_out(json.loads(schema))


def laid_out(value: object) -> str:
    """A JSON value with a line for each of its parts."""
    return json.dumps(value, indent=2, ensure_ascii=False)


@cache
def known_questions() -> tuple[tuple[str, str], ...]:
    """Two questions of the bank that the embedded base was made from, each with its field; they differ in it.

    Under another field the base mixes what it knows of several.
    """
    first, *others = rateable()
    second = next(fact for fact in others if fact.domain != first.domain)
    return tuple((fact.questions[0], fact.domain) for fact in (first, second))


def with_commands(sentence: str) -> Markup:
    """A sentence of the services with its commands, in backticks, as code."""
    return Markup(_COMMAND.sub(r"<code>\1</code>", str(escape(sentence))))  # noqa: S704 - escaped


def moment(at: datetime) -> str:
    """`21 November 2026, 00:05 UTC`."""
    return _dated(at, "HH:mm")


def instant(at: datetime) -> str:
    """As `moment`, to the second: `21 November 2026, 00:05:09 UTC`."""
    return _dated(at, "HH:mm:ss")


def moment_of_iso(text: str) -> str:
    """`moment` of a time as jobs tell it."""
    return moment(datetime.fromisoformat(text))


def _dated(at: datetime, hours: str) -> str:
    in_utc, locale = at.astimezone(UTC), current_locale()
    date, time = format_date(in_utc, "long", locale=locale), format_time(in_utc, hours, locale=locale)
    return isolated(gettext("%(date)s, %(time)s UTC", date=date, time=time))


def title_in_words(metric: str) -> str:
    return word(title_of(metric))


def figure(value: float | None) -> str:
    """Three digits; a dash where there is no finite number."""
    return "—" if value is None else format_decimal(value, "0.000", locale=current_locale())


def signed(value: float) -> str:
    return format_decimal(value, "+0.00;-0.00", locale=current_locale())


def tone(slug: str) -> str:
    """The style class that colours a persona, the same on every page."""
    return f"tone-{zlib.crc32(slug.encode()) % TONES}"


def pseudonym(rater: UUID) -> str:
    """What a rater is called to others: the same on every page, and no name."""
    return gettext("rater %(name)s", name=rater.hex[:8])


def duration(seconds: float) -> str:
    """`40 s`, `12 min`, `3 h 05 min`."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return gettext("%(count)d s", count=max(round(seconds), 0))
    if minutes < 60:
        return gettext("%(count)d min", count=minutes)
    return gettext("%(hours)d h %(minutes)02d min", hours=minutes // 60, minutes=minutes % 60)


def loss(value: float | None) -> str:
    """Four digits; a loss that is no number says so."""
    if value is None or not math.isfinite(value):
        return gettext("no number")
    return format_decimal(value, "0.0000", locale=current_locale())
