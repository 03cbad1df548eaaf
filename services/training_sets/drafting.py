"""A training set before its last decisions: lines in temporary files, and numbers to decide by in memory.

Which lines stay is decided across the whole set (one rater's share, balance), so lines are written first and
chosen afterwards (`choosing`); texts are never held in memory.
"""

import json
from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import repeat
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from services.domain.consensus import Integers, Mask
from services.domain.conversation import Question, neutralise, persona_messages
from services.domain.examples import Dropped, DropReason, Example, Kind, Reference
from services.domain.night_plan import Volume
from services.domain.personas import Persona

_NUMBERS = {kind: number for number, kind in enumerate(Kind)}
_BEFORE_LINE = "\t"  # between a line's sources and itself, so that nobody parses it to know them
_encode = json.JSONEncoder(sort_keys=True, ensure_ascii=False).encode


class Pile:
    """Lines of one file in the order in which they were added, and what is decided by of each.

    `domains` and `audiences` (lines,) are numbers of names; the entries, a pair of parallel arrays, say which
    raters speak in which lines.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("w", encoding="utf-8")
        self._kinds, self._labels, self._compared = array("b"), array("b"), array("b")
        self._domains, self._audiences = array("i"), array("i")
        self._entry_rows, self._entry_raters = array("i"), array("i")
        self._names: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._kinds)

    def add(self, example: Example, record: Mapping[str, Any]) -> None:
        question = example.question
        self._note(example.kind, bool(example.label), (question.domain, question.audience), example.raters)
        self._write(example.kind, record["sources"], _encode(record) + "\n")

    def add_again(self, line: str, raters: Iterable[int]) -> None:
        """A row or reference of an earlier set, as its line is."""
        record = json.loads(line)
        about = record.get("question", record)
        kind = _kind_of(record)
        self._note(kind, bool(record.get("label")), (about["domain"], about["audience"]), raters)
        self._write(kind, record["sources"], line)

    def _write(self, kind: Kind, sources: Collection[str], line: str) -> None:
        corrected = any(source.startswith("correction:") for source in sources)
        self._compared.append(kind is Kind.PAIR and not corrected)
        self._file.write(f"{' '.join(sources)}{_BEFORE_LINE}{line}")

    def _note(self, kind: Kind, label: int, of: tuple[str, str], raters: Iterable[int]) -> None:
        """`of` is the domain and the audience."""
        row = len(self)
        self._kinds.append(_NUMBERS[kind])
        self._labels.append(label)
        for numbers, name in zip((self._domains, self._audiences), of, strict=True):
            numbers.append(self._names.setdefault(name, len(self._names)))
        spoken = sorted(set(raters))
        self._entry_rows.extend(repeat(row, len(spoken)))
        self._entry_raters.extend(spoken)

    @property
    def domains(self) -> Integers:
        return np.asarray(self._domains)

    @property
    def audiences(self) -> Integers:
        return np.asarray(self._audiences)

    @property
    def compared(self) -> Mask:
        """Which lines are pairs that rest on comparisons alone, (lines,)."""
        return np.asarray(self._compared, dtype=bool)

    @property
    def entries(self) -> tuple[Integers, Integers]:
        return np.asarray(self._entry_rows), np.asarray(self._entry_raters)

    def of_kinds(self, kinds: Collection[Kind]) -> Mask:
        """Which lines are of these kinds, (lines,)."""
        wanted = [_NUMBERS[kind] for kind in kinds]
        return np.isin(np.asarray(self._kinds), wanted)

    def volume(self, kept: Mask) -> Volume:
        """How many of the kept lines are of each kind."""
        kinds, labels = np.asarray(self._kinds)[kept], np.asarray(self._labels)[kept]
        unpaired = kinds == _NUMBERS[Kind.UNPAIRED]
        return Volume(
            demonstrations=int((kinds == _NUMBERS[Kind.DEMONSTRATION]).sum()),
            pairs=int((kinds == _NUMBERS[Kind.PAIR]).sum()),
            desirable=int((unpaired & (labels == 1)).sum()),
            undesirable=int((unpaired & (labels == 0)).sum()),
        )

    def read_lines(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """Every line with its sources before it; nothing is added after."""
        self.close()
        with self._path.open(encoding="utf-8") as lines:
            for kept in lines:
                sources, _, line = kept.partition(_BEFORE_LINE)
                yield tuple(sources.split(" ")), line

    def close(self) -> None:
        self._file.close()


class Draft:
    """Files under `folder`: candidate rows, references to judge by, and what was dropped with its reason."""

    def __init__(self, folder: Path, persona: Persona) -> None:
        self._persona = persona
        self.rows = Pile(folder / "candidates.jsonl")
        self.references = Pile(folder / "candidate_references.jsonl")
        self.excluded = folder / "excluded.jsonl"
        self._excluded = self.excluded.open("w", encoding="utf-8")
        self.dropped: Counter[DropReason] = Counter()
        self.unfit: dict[int, DropReason] = {}  # rows that waited and have to wait on, by their place

    def add_row(self, example: Example, *, split_key: str) -> None:
        self.rows.add(example, row_of(example, self._persona, split_key=split_key))

    def add_reference(self, example: Example, *, split_key: str) -> None:
        self.references.add(example, _reference(example) | {"split_key": split_key})

    def keep_waiting(self, line: str, reason: DropReason) -> None:
        """A row that waited in an earlier set, and cannot be learnt from tonight either."""
        self.unfit[len(self.rows)] = reason
        self.rows.add_again(line, ())

    def drop(self, dropped: Iterable[Dropped]) -> None:
        for one in dropped:
            self.dropped[one.reason] += len(one.sources)
            write_line(self._excluded, {"sources": one.sources, "reason": one.reason.value})

    def close(self) -> None:
        for file in (self.rows, self.references, self._excluded):
            file.close()


def read_references(lines: Iterable[str]) -> Iterator[Reference]:
    """What the lines of a file of references say."""
    for line in lines:
        record = json.loads(line)
        yield Reference(
            prompt_key=record["prompt_key"],
            split_key=record["split_key"],
            question=Question(**record["question"]),
            text=record["reference"],
            rejected=record.get("rejected", ""),
        )


def _kind_of(record: Mapping[str, Any]) -> Kind:
    """Of a row as it says, of a reference, which does not, by what it has."""
    judging = Kind.PAIR if "rejected" in record else Kind.DEMONSTRATION
    return Kind(record.get("kind", judging))


def row_of(example: Example, persona: Persona, *, split_key: str) -> dict[str, Any]:
    """What a line of a training set says."""
    messages = persona_messages(persona, example.question)
    record: dict[str, Any] = {
        "kind": example.kind.value,
        "messages": [{"role": message.role, "content": message.content} for message in messages],
        "prompt_key": example.prompt_key,
        "split_key": split_key,
        "domain": example.question.domain,
        "audience": example.question.audience,
        "sources": sorted(example.sources),
    }
    # People correct answers: what they write is as little a control token here as in the prompt.
    text = neutralise(example.text)
    if example.kind is Kind.PAIR:
        return record | {"chosen": text, "rejected": neutralise(example.rejected)}
    if example.kind is Kind.UNPAIRED:
        return record | {"completion": text, "label": example.label}
    return record | {"completion": text}


def _reference(example: Example) -> dict[str, Any]:
    question = example.question
    record = {
        "prompt_key": example.prompt_key,
        "question": {
            "text": question.text,
            "context": question.context,
            "domain": question.domain,
            "audience": question.audience,
        },
        "reference": example.text,
        "sources": sorted(example.sources),
    }
    return record | {"rejected": example.rejected} if example.kind is Kind.PAIR else record


def encode_line(record: Mapping[str, Any]) -> str:
    """One line of JSON, the same for equal records."""
    return _encode(record) + "\n"


def write_line(file: TextIO, record: Mapping[str, Any]) -> None:
    file.write(encode_line(record))
