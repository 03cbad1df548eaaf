"""Rows of a training set as the token ids and labels that a trainer is given (torch, through the tokenizer).

The ids are those of `services.language_model.rendering`, so what is trained is what is served; labels
are the ids of the answer and IGNORED everywhere else. Nothing is ever cut: a row that does not fit is
an error here, because assembly has dropped and counted such rows before.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from transformers import PreTrainedTokenizerBase

from services.domain.conversation import Message
from services.errors.artifacts import TrainingSetCorrupt
from services.errors.inputs import InvalidRecord
from services.errors.training import NoSupervisedTokens, NothingToLearn, RowsTooLong
from services.language_model.rendering import render_supervised

IGNORED = -100


@dataclass(frozen=True, slots=True)
class _Row:
    messages: tuple[Message, ...]
    completion: str


_ROW = TypeAdapter(_Row)


@dataclass(frozen=True, slots=True)
class TokenisedRow:
    """`labels` is as long as `input_ids`: the same id where the loss is taken, IGNORED elsewhere."""

    input_ids: list[int]
    labels: list[int]

    @property
    def supervised_tokens(self) -> int:
        return sum(label != IGNORED for label in self.labels)


def read_rows(path: Path) -> Iterator[tuple[list[Message], str]]:
    """Messages and completion of each line; TrainingSetCorrupt without a file, InvalidRecord for a line."""
    try:
        lines = (
            path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
        )  # JSON may hold other separators
    except (OSError, UnicodeDecodeError) as error:
        raise TrainingSetCorrupt(str(path)) from error
    if lines == [""]:
        return
    for number, line in enumerate(lines, start=1):
        try:
            row = _ROW.validate_json(line, strict=True)
        except ValidationError as error:
            raise InvalidRecord(
                number, "it needs messages with role and content, and a completion"
            ) from error
        yield list(row.messages), row.completion


def tokenise(path: Path, tokenizer: PreTrainedTokenizerBase, *, chat_template: str) -> list[TokenisedRow]:
    """Every row, in the file's order; NothingToLearn without rows, NoSupervisedTokens without answers.

    The token that ends an answer is supervised too, but learning only to end is not learning.
    """
    rows = []
    for messages, completion in read_rows(path):
        prompt, answer = render_supervised(tokenizer, messages, completion, chat_template=chat_template)
        rows.append(TokenisedRow([*prompt, *answer], [*[IGNORED] * len(prompt), *answer]))
    if not rows:
        raise NothingToLearn("it holds no rows")
    if all(row.supervised_tokens <= 1 for row in rows):
        raise NoSupervisedTokens(len(rows))
    return rows


def refuse_long_rows(rows: Sequence[TokenisedRow], *, limit: int) -> None:
    """RowsTooLong when a row has more than `limit` tokens."""
    lengths = [len(row.input_ids) for row in rows]
    too_long = sum(length > limit for length in lengths)
    if too_long:
        raise RowsTooLong(too_long, longest=max(lengths), limit=limit)


def show_row(row: TokenisedRow, tokenizer: PreTrainedTokenizerBase) -> str:
    """One row as a person can check it: what is masked, and what is learnt."""
    masked = [token for token, label in zip(row.input_ids, row.labels, strict=True) if label == IGNORED]
    learnt = [label for label in row.labels if label != IGNORED]
    return f"masked {tokenizer.decode(masked)!r}, learnt {tokenizer.decode(learnt)!r}"
