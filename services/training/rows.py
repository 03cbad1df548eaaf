"""Lines of a frozen training set, by kind; no token is made here.

Each objective learns from the rows of its own kind. A line without a kind is a demonstration, as all were
in the first sets.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from services.domain.conversation import Message
from services.errors.artifacts import FrozenFileCorrupt
from services.errors.inputs import InvalidRecord


@dataclass(frozen=True, slots=True)
class DemonstrationLine:
    messages: tuple[Message, ...]
    completion: str
    kind: Literal["demonstration"] = "demonstration"


@dataclass(frozen=True, slots=True)
class PairLine:
    kind: Literal["pair"]
    messages: tuple[Message, ...]
    chosen: str
    rejected: str


@dataclass(frozen=True, slots=True)
class UnpairedLine:
    """`label` is whether the completion is desirable."""

    kind: Literal["unpaired"]
    messages: tuple[Message, ...]
    completion: str
    label: bool


Line = DemonstrationLine | PairLine | UnpairedLine

_LINE: TypeAdapter[Line] = TypeAdapter(Line)
_WANTED = (
    "it needs messages with role and content and, by its kind, a completion (demonstration), chosen and "
    "rejected (pair), or a completion and a label (unpaired)"
)


def read_lines(path: Path) -> Iterator[Line]:
    """Each line of the file; FrozenFileCorrupt without a file, InvalidRecord for a line."""
    try:
        # Not splitlines(): JSON may hold other separators.
        lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise FrozenFileCorrupt(str(path)) from error
    if lines == [""]:
        return
    for number, line in enumerate(lines, start=1):
        try:
            yield _LINE.validate_json(line, strict=True)
        except ValidationError as error:
            raise InvalidRecord(number, _WANTED) from error
