"""What people said of answers: stars, score or thumb of one, or a choice between several, and who it was.

A row has a question and, of one answer, `answer` and one of `stars` (1 to 5), `score` (0 to 1) or `thumb`
(up, down), perhaps `comment` and `correction`. Of several answers it has `left` and `right` or `answers`,
and a `choice`: left, right, tie, both bad; or 1, 2, 0. A list of choices is one for each pair of
the answers, in the order (1,2), (1,3), …, (2,3), …; an object of choices is one for each rater.
"""

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import BinaryIO, TypeVar

from services.domain.conversation import Question
from services.domain.feedback import Choice, Thumb
from services.errors.tree import InvalidInput
from services.training_sets.importers.fields import ANSWER, as_text, optional_text, question_of, text_of
from services.training_sets.importers.json_rows import read_json
from services.training_sets.importers.records import (
    UNNAMED_RATER,
    ImportedComparison,
    ImportedRating,
    Read,
    Record,
    check_answer,
)
from services.training_sets.importers.rows import Fields, Reading, parse_rows
from services.training_sets.importers.scores import stars_of_score

_CHOICES: Mapping[str, Choice] = {
    **{choice.value: choice for choice in Choice},
    **dict.fromkeys(("1", "first"), Choice.LEFT),
    **dict.fromkeys(("2", "second"), Choice.RIGHT),
    **dict.fromkeys(("0", "equal"), Choice.TIE),
}
_THUMBS: Mapping[str, Thumb] = {
    **dict.fromkeys(("up", "true", "1"), Thumb.UP),
    **dict.fromkeys(("down", "false", "0", "-1"), Thumb.DOWN),
}
Known = TypeVar("Known")


def read(file: BinaryIO, reading: Reading) -> Iterator[Read]:
    return parse_rows(read_json(file), parse, reading)


def parse(fields: Fields, reading: Reading) -> Iterator[Record]:
    question = question_of(fields, reading)
    rater = optional_text(fields, ("rater", "annotator", "user")) or UNNAMED_RATER
    if fields.get("choice") is not None:
        yield from _comparisons(fields, question, rater)
        return
    yield ImportedRating(
        question,
        text_of(fields, ANSWER),
        _verdict(fields),
        rater,
        comment=optional_text(fields, ("comment", "feedback")) or "",
        correction=optional_text(fields, ("correction",)) or "",
    )


def _comparisons(fields: Fields, question: Question, rater: str) -> Iterator[ImportedComparison]:
    answers = _answers(fields)
    pairs = list(combinations(answers, 2))
    choices = fields["choice"]
    by_rater = choices if isinstance(choices, dict) else {rater: choices}
    for who, said in by_rater.items():
        listed = said if isinstance(said, list) else [said]
        if len(listed) != len(pairs):
            raise InvalidInput(f"{len(listed)} choices for the {len(pairs)} pairs of {len(answers)} answers")
        verdicts = [_known(_CHOICES, "choice", choice) for choice in listed]
        for (left, right), choice in zip(pairs, verdicts, strict=True):
            yield ImportedComparison(question, left, right, choice, who)


def _answers(fields: Fields) -> list[str]:
    found = fields.get("answers", [fields.get("left"), fields.get("right")])
    named = (
        found if isinstance(found, dict) else {f"answer {n}": one for n, one in enumerate(_list(found), 1)}
    )
    return [check_answer(name, as_text(name, answer)) for name, answer in named.items()]


def _list(found: object) -> list[object]:
    if not isinstance(found, list):
        raise InvalidInput("answers is neither a list nor an object")
    return found


def _verdict(fields: Fields) -> int | Thumb:
    if fields.get("thumb") is not None:
        return _known(_THUMBS, "thumb", fields["thumb"])
    if fields.get("score") is not None:
        return stars_of_score(fields["score"])
    stars = fields.get("stars")
    if isinstance(stars, str) and stars.strip() in {"1", "2", "3", "4", "5"}:
        return int(stars)
    if isinstance(stars, bool) or not isinstance(stars, int):
        raise InvalidInput("there are no stars, score, thumb or choice that can be read")
    return stars


def _known(known: Mapping[str, Known], name: str, said: object) -> Known:
    """What was said, whether as text, number or yes-or-no; raises InvalidInput for what nobody can say."""
    word = str(said).strip().casefold() if isinstance(said, str | int) else ""
    if word not in known:
        raise InvalidInput(f"the {name} {str(said)[:40]!r} is none of {', '.join(known)}")
    return known[word]
