"""What a file can hold, as values: demonstrations, ratings, comparisons, items; and what each must keep.

Reading a format is the module of its name; turning values into rows is `services.training_sets.storing`.
"""

from dataclasses import dataclass, replace

from services.domain.conversation import LABEL_LIMIT, Question, check_question, check_text
from services.domain.feedback import COMMENT_LIMIT, CORRECTION_LIMIT, STARS, Choice, Thumb
from services.errors.inputs import CorrectionUnchanged, InvalidRecord, StarsOutOfRange
from services.errors.tree import InvalidInput

UNNAMED_RATER = "annotator"
_KEY_LIMIT = 200  # characters


@dataclass(frozen=True, slots=True)
class ImportedExample:
    """A demonstration: how the persona answers."""

    question: Question
    completion: str


@dataclass(frozen=True, slots=True)
class ImportedComparison:
    """Somebody's choice between two answers; `rater` is who it was, as the file names them."""

    question: Question
    left: str
    right: str
    choice: Choice
    rater: str = UNNAMED_RATER


@dataclass(frozen=True, slots=True)
class ImportedRating:
    """Somebody's stars or thumb for an answer, perhaps with words about it or with a better text."""

    question: Question
    answer: str
    verdict: int | Thumb
    rater: str = UNNAMED_RATER
    comment: str = ""
    correction: str = ""


@dataclass(frozen=True, slots=True)
class ImportedItem:
    """A question with a known answer, asked only to judge; the key is empty where no short fact is known."""

    question: Question
    reference: str
    answer_key: str


Record = ImportedExample | ImportedComparison | ImportedRating | ImportedItem
Read = Record | InvalidRecord


def checked(record: Record) -> Record:
    """The record as it can be stored, or the InvalidInput that says which of its texts cannot be."""
    question = _question(record.question)
    match record:
        case ImportedExample(completion=completion):
            return ImportedExample(question, check_answer("answer", completion))
        case ImportedItem(reference=reference, answer_key=key):
            return ImportedItem(
                question,
                check_answer("reference", reference),
                check_text("answer key", key, limit=_KEY_LIMIT, required=False),
            )
        case ImportedComparison():
            return _comparison(replace(record, question=question))
        case ImportedRating():
            return _rating(replace(record, question=question))


def _question(question: Question) -> Question:
    """As rows of a file have it: outer white space in them is the file's, not what anybody said."""
    return check_question(replace(question, text=question.text.strip(), context=question.context.strip()))


def check_answer(field: str, text: str) -> str:
    return check_text(field, text, limit=CORRECTION_LIMIT)


def _comparison(record: ImportedComparison) -> ImportedComparison:
    left, right = check_answer("first answer", record.left), check_answer("second answer", record.right)
    if left == right:
        raise InvalidInput("The two answers are the same")
    return replace(record, left=left, right=right, rater=_rater(record.rater))


def _rating(record: ImportedRating) -> ImportedRating:
    if not isinstance(record.verdict, Thumb) and record.verdict not in STARS:
        raise StarsOutOfRange(record.verdict)
    answer = check_answer("answer", record.answer)
    correction = check_text("correction", record.correction, limit=CORRECTION_LIMIT, required=False)
    if correction and correction.split() == answer.split():
        raise CorrectionUnchanged
    return replace(
        record,
        answer=answer,
        rater=_rater(record.rater),
        comment=check_text("comment", record.comment, limit=COMMENT_LIMIT, required=False),
        correction=correction,
    )


def _rater(label: str) -> str:
    return check_text("rater", label, limit=LABEL_LIMIT)
