"""What the forms carry, read as people sent it; judging it is the services'.

Reading fails only where a field cannot even be understood (stars that are no number, a damaged submission
id), so that a page can be shown again with every word that was typed.
"""

import re
from dataclasses import dataclass
from uuid import UUID, uuid4

from werkzeug.datastructures import MultiDict

from feedback_app.sentences import gettext
from feedback_app.words import word
from services.domain.answer_formats import AnswerFormat
from services.domain.conversation import Question
from services.domain.feedback import Reason, Said, Thumb
from services.domain.personas import DEFAULT_AUDIENCE, DEFAULT_DOMAIN
from services.errors.tree import InvalidInput

Fields = MultiDict[str, str]


@dataclass(frozen=True, slots=True)
class AskForm:
    question: str = ""
    context: str = ""
    domain: str = DEFAULT_DOMAIN
    audience: str = DEFAULT_AUDIENCE
    format: str = ""  # of the answer, where it is not to be the persona's own

    @classmethod
    def read(cls, fields: Fields) -> "AskForm":
        return cls(
            question=typed_text(fields, "question"),
            context=typed_text(fields, "context"),
            domain=typed_text(fields, "domain").strip() or DEFAULT_DOMAIN,
            audience=typed_text(fields, "audience").strip() or DEFAULT_AUDIENCE,
            format=typed_text(fields, "format"),
        )

    def as_question(self) -> Question:
        return Question(text=self.question, context=self.context, domain=self.domain, audience=self.audience)

    def answer_format(self) -> AnswerFormat | None:
        """The format that was asked for, None for the persona's own; InvalidInput for a word that is none."""
        try:
            return AnswerFormat(self.format) if self.format else None
        except ValueError as error:
            formats = ", ".join(AnswerFormat)
            sentence = gettext("There is no such format: choose among %(formats)s.", formats=formats)
            raise InvalidInput(sentence) from error


@dataclass(frozen=True, slots=True)
class RatingForm:
    """Stars, in range or not, or a thumb, the reasons beside it, and the id under which it counts once."""

    given: int | Thumb
    reasons: frozenset[Reason]
    submission: UUID

    @classmethod
    def read(cls, fields: Fields) -> "RatingForm":
        """InvalidInput for what cannot be understood."""
        return cls(_read_given(fields), _read_reasons(fields), read_submission(fields))


@dataclass(frozen=True, slots=True)
class UndoForm:
    """Which journal, and which row of it, was written a moment ago."""

    said: Said
    said_id: int

    @classmethod
    def read(cls, fields: Fields) -> "UndoForm":
        """InvalidInput for what no page of ours sends."""
        number = fields.get("said_id", "")
        if fields.get("said") not in tuple(Said) or not re.fullmatch(r"[0-9]{1,18}", number):
            raise _nothing_undone()
        return cls(Said(fields["said"]), int(number))


@dataclass(frozen=True, slots=True)
class FeedbackDraft:
    """What a refused feedback form held, and why it was refused: shown again in its place on the page."""

    section: str = ""
    text: str | None = None  # None where the form has no text
    problem: str = ""
    stars: int | None = None
    thumb: str | None = None
    reasons: tuple[str, ...] | None = None  # None where the form has none to choose

    @classmethod
    def read(cls, section: str, fields: Fields, problem: str) -> "FeedbackDraft":
        stars = fields.get("stars", "")
        return cls(
            section=section,
            text=typed_text(fields, "text") if "text" in fields else None,
            problem=problem,
            stars=int(stars) if re.fullmatch("[1-5]", stars) else None,
            thumb=fields.get("thumb"),
            reasons=tuple(fields.getlist("reasons"))
            if fields.keys() & {"stars", "thumb", "reasons"}
            else None,
        )


def typed_text(fields: Fields, name: str) -> str:
    """One text field with the line ends that browsers send (CRLF) as plain newlines."""
    return fields.get(name, "").replace("\r\n", "\n")


def _read_given(fields: Fields) -> int | Thumb:
    """The thumb whose button sent the form, else its stars; InvalidInput for what is neither."""
    thumb = fields.get("thumb")
    if thumb is None:
        return _read_stars(fields)
    try:
        return Thumb(thumb)
    except ValueError as error:
        raise InvalidInput(gettext("A thumb is up or down: choose one of the two.")) from error


def _read_stars(fields: Fields) -> int:
    """The chosen stars, in range or not; InvalidInput when none was chosen or it is no number."""
    text = fields.get("stars", "")
    if not re.fullmatch(r"-?[0-9]{1,9}", text):
        raise InvalidInput(gettext("No stars were chosen: choose 1, 2, 3, 4 or 5 and save again."))
    return int(text)


def _read_reasons(fields: Fields) -> frozenset[Reason]:
    """The tags that were chosen; InvalidInput for a word that is none of them."""
    try:
        return frozenset(Reason(word) for word in fields.getlist("reasons"))
    except ValueError as error:
        words = ", ".join(word(reason) for reason in Reason)
        sentence = gettext("One of the reasons is unknown: choose among %(reasons)s.", reasons=words)
        raise InvalidInput(sentence) from error


def read_submission(fields: Fields) -> UUID:
    """The id under which this form counts once; InvalidInput when the form lost or changed it."""
    try:
        return UUID(fields.get("submission", ""))
    except ValueError as error:
        raise InvalidInput(gettext("This form did not arrive whole: send it again from here.")) from error


def read_undone(fields: Fields) -> UUID:
    """Which choice between two answers was made a moment ago; InvalidInput for what no page of ours sends."""
    try:
        return UUID(fields.get("chosen", ""))
    except ValueError as error:
        raise _nothing_undone() from error


def _nothing_undone() -> InvalidInput:
    return InvalidInput(gettext("Nothing was undone: press Undo beside what was saved."))


def new_submission() -> UUID:
    return uuid4()
