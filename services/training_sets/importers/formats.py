"""The formats by name, and opening a file or a folder of files to read in one of them; packed or not."""

import gzip
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

from services.errors.inputs import InvalidRecord
from services.errors.tree import InvalidInput
from services.training_sets.importers import (
    instructions,
    items,
    mcq,
    openassistant,
    preferences,
    ratings,
    saq,
    short_answer_feedback,
    truthfulqa,
    webscale_rl,
)
from services.training_sets.importers.records import Read
from services.training_sets.importers.rows import Reading

_PACKED = b"\x1f\x8b"
_JSON = (".jsonl", ".json", ".jsonl.gz", ".json.gz")
_CSV = (".csv", ".csv.gz")


class FormatName(StrEnum):
    ITEMS = "items"
    INSTRUCTIONS = "instructions"
    WEBSCALE_RL = "webscale_rl"
    MCQ = "mcq"
    SAQ = "saq"
    OPENASSISTANT = "openassistant"
    PREFERENCES = "preferences"
    RATINGS = "ratings"
    PANDALM = "pandalm"
    QA_FEEDBACK = "qa_feedback"
    TRUTHFULQA = "truthfulqa"
    TRUTHFULQA_THUMBS = "truthfulqa_thumbs"
    SHORT_ANSWER_FEEDBACK = "short_answer_feedback"


@dataclass(frozen=True, slots=True)
class _Format:
    """`names`: what a published file calls the fields of a general format."""

    read: Callable[[BinaryIO, Reading], Iterator[Read]]
    suffixes: tuple[str, ...]
    names: tuple[tuple[str, tuple[str, ...]], ...] = ()


_FORMATS = {
    FormatName.ITEMS: _Format(items.read, _JSON),
    FormatName.INSTRUCTIONS: _Format(instructions.read, _JSON),
    FormatName.WEBSCALE_RL: _Format(webscale_rl.read, _JSON),
    FormatName.MCQ: _Format(mcq.read, _CSV),
    FormatName.SAQ: _Format(saq.read, _CSV),
    FormatName.OPENASSISTANT: _Format(openassistant.read, _JSON),
    FormatName.PREFERENCES: _Format(preferences.read, _JSON),
    FormatName.RATINGS: _Format(ratings.read, _JSON),
    FormatName.PANDALM: _Format(
        ratings.read,
        _JSON,
        (
            ("question", ("instruction",)),
            ("context", ("input",)),
            ("answers", ("response1", "response2")),
            ("choice", ("annotator1", "annotator2", "annotator3")),
        ),
    ),
    FormatName.QA_FEEDBACK: _Format(
        ratings.read,
        _JSON,
        (
            ("context", ("passages",)),
            ("answers", tuple(f"prediction {number}" for number in range(1, 5))),
            ("choice", ("preference",)),
        ),
    ),
    FormatName.TRUTHFULQA: _Format(truthfulqa.read, _CSV),
    FormatName.TRUTHFULQA_THUMBS: _Format(truthfulqa.read_thumbs, _CSV),
    FormatName.SHORT_ANSWER_FEEDBACK: _Format(short_answer_feedback.read, (".xml", ".xml.gz")),
}


def read_file(path: Path, name: FormatName, reading: Reading) -> Iterator[Read]:
    """Records of a file, or of all files of this format in a folder and its folders, in order of their names.

    What a person says of the file's fields goes before what the format knows. Raises InvalidInput for a path
    that cannot be opened and for a folder without such a file.
    """
    format_ = _FORMATS[name]
    told = replace(reading, names=MappingProxyType({**dict(format_.names), **reading.names}))
    for file in _files(path, format_.suffixes):
        with _opened(file) as opened:
            for read in format_.read(opened, told):
                if isinstance(read, InvalidRecord) and file != path:
                    yield InvalidRecord(read.line, f"{file.name}: {read.reason}")
                else:
                    yield read


def _files(path: Path, suffixes: tuple[str, ...]) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(
        file for file in path.rglob("*") if file.name.lower().endswith(suffixes) and file.is_file()
    )
    if not files:
        raise InvalidInput(f"The folder {path} holds no file that ends in {' or '.join(suffixes)}.")
    return files


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    try:
        with file.open("rb") as raw:
            packed = raw.read(len(_PACKED)) == _PACKED
            raw.seek(0)
            if packed:
                with gzip.open(raw) as unpacked:
                    yield unpacked  # type: ignore[misc]
            else:
                yield raw
    except OSError as error:
        raise InvalidInput(f"The file {file} cannot be read: {error}.") from error
