"""How values read on a page: stars, versions, moments, answers. Template filters; no markup lives here."""

import json
import math
import re
import zlib
from datetime import datetime
from functools import cache
from uuid import UUID

from flask import Flask
from markupsafe import Markup, escape

from feedback_app.differences import difference
from feedback_app.forms import new_submission
from feedback_app.sentences import gettext
from services.demo.question_bank import rateable
from services.domain.answer_formats import AnswerFormat, AnswerRules, listed_options
from services.domain.feedback import Reason, Said, Thumb
from services.evaluation.wording import breakable, figure, instant, moment, signed, slice_in_words, title_of
from services.training.memory_parts import COUNTED, sentence, size_words

FORMAT_NAMES = {
    AnswerFormat.FREE_TEXT: "a text",
    AnswerFormat.MCQ: "the letter of an option",
    AnswerFormat.SAQ: "a short text",
    AnswerFormat.JSON: "JSON",
}
STAR_WORDS = {1: "wrong", 2: "poor", 3: "fair", 4: "good", 5: "excellent"}
THUMB_WORDS = {Thumb.UP: "thumb up", Thumb.DOWN: "thumb down"}
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
    app.add_template_filter(title_of)
    app.add_template_filter(slice_in_words)
    app.add_template_filter(figure)
    app.add_template_filter(signed)
    app.add_template_filter(breakable)
    app.add_template_filter(with_commands)
    app.add_template_filter(format_in_words)
    app.add_template_filter(format_checked)
    app.add_template_filter(FORMAT_NAMES.__getitem__, "format_name")
    app.add_template_filter(option_named)
    app.add_template_filter(laid_out)
    app.add_template_filter(schema_laid_out)
    app.add_template_filter(tone)
    app.add_template_filter(pseudonym)
    app.add_template_filter(duration)
    app.add_template_filter(loss)
    app.add_template_filter(size_words)
    app.add_template_filter(sentence, "memory_sentence")
    app.jinja_env.globals |= {
        "STAR_WORDS": STAR_WORDS,
        "THUMB_WORDS": THUMB_WORDS,
        "REASONS": [reason.value for reason in Reason],
        "MEMORY_COUNTED": COUNTED,
    }
    app.add_template_global(new_submission)


def stars_in_words(stars: int) -> str:
    return "1 star" if stars == 1 else f"{stars} stars"


def rating_in_words(given: int | Thumb) -> str:
    return THUMB_WORDS[given] if isinstance(given, Thumb) else stars_in_words(given)


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
    return f"v{version}" if version else "v0 (plain base)"


def format_in_words(rules: AnswerRules, who: str = "") -> str:
    """What answers look like, as a sentence for who asks; empty where any text may come."""
    answers = f"{who} answers" if who else "Answers"
    limit = f" of at most {rules.word_limit} words" if rules.word_limit else ""
    match rules.format:
        case AnswerFormat.MCQ:
            return f"{answers} with a letter: put each option on a line of its own, A. B. and so on."
        case AnswerFormat.SAQ:
            return f"{answers} with a short text{limit}."
        case AnswerFormat.JSON:
            return f"{answers} with JSON" + (" of a set shape." if rules.schema else ".")
        case AnswerFormat.FREE_TEXT:
            return f"{answers} with a text{limit}." if limit else ""


def format_checked(rules: AnswerRules, question: str) -> str:
    """What a better answer to this question is checked for, as a sentence; empty where any text is taken."""
    if not rules.validation:
        return ""
    limit = f" of at most {rules.word_limit} words" if rules.word_limit else ""
    match rules.format:
        case AnswerFormat.MCQ:
            return f"It is checked: it must name one of the letters {', '.join(rules.letters(question))}."
        case AnswerFormat.SAQ:
            return f"It is checked: it must be a text{limit} with a letter or a digit in it."
        case AnswerFormat.JSON:
            return "It is checked: it must be JSON" + (" that fits this schema:" if rules.schema else ".")
        case AnswerFormat.FREE_TEXT:
            return f"It is checked: it must be a text{limit}." if limit else ""


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


def moment_of_iso(text: str) -> str:
    """`moment` of a time as jobs tell it."""
    return moment(datetime.fromisoformat(text))


def tone(slug: str) -> str:
    """The style class that colours a persona, the same on every page."""
    return f"tone-{zlib.crc32(slug.encode()) % TONES}"


def pseudonym(rater: UUID) -> str:
    """What a rater is called to others: the same on every page, and no name."""
    return f"rater {rater.hex[:8]}"


def duration(seconds: float) -> str:
    """`40 s`, `12 min`, `3 h 05 min`."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{max(round(seconds), 0)} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def loss(value: float | None) -> str:
    """Four digits; a loss that is no number says so."""
    return "no number" if value is None or not math.isfinite(value) else f"{value:.4f}"
