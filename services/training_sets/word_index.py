"""Which rows of a frozen set are nearest to a question, from an index of their words that is kept.

`nearness` compares rows that are read for one question; a page that many people open cannot read a set each
time. What is kept of a set are words and the places of rows in its file, never a text.
"""

import json
import math
import re
import threading
from array import array
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import fsspec
import numpy as np

from services.domain.consensus import Integers
from services.errors.artifacts import FrozenFileCorrupt

MOST_ROWS = 20_000  # of a set: they stand in the order of their prompts' hashes, so the first are any
MOST_BYTES = 16_000_000
_MOST_CHARACTERS = 2_000  # of a message, the last: a context stands before its question
_MOST_WORDS = 64  # of a question, the rarest
_KEPT = 4  # sets
_WORD = re.compile(r"\w+")


class WordIndex:
    """The words of the last message of each row, and where in the file the row begins."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        """Reads MOST_ROWS lines at most, and of MOST_BYTES. Raises ValueError for one that is no row."""
        rows: defaultdict[str, array[int]] = defaultdict(lambda: array("I"))
        begins, offset = array("Q"), 0
        for number, line in enumerate(lines):
            if number == MOST_ROWS or offset > MOST_BYTES:
                break
            for word in _words(json.loads(line)["messages"][-1]["content"][-_MOST_CHARACTERS:]):
                rows[word].append(number)
            begins.append(offset)
            offset += len(line)
        self._begins = begins
        self._rows: dict[str, Integers] = {word: np.array(found) for word, found in rows.items()}

    def __len__(self) -> int:
        return len(self._begins)

    def nearest(self, question: str, *, count: int) -> list[int]:
        """Where the `count` rows begin that share most with the question, weighed as in `nearness`."""
        known = sorted(self._rows.keys() & _words(question), key=lambda word: (self._rows[word].size, word))
        scores = np.zeros(len(self))
        for word in known[:_MOST_WORDS]:
            scores[self._rows[word]] += math.log(len(self) / self._rows[word].size) + 1e-9
        best = np.argsort(-scores, kind="stable")[:count]
        return [self._begins[row] for row in best.tolist() if scores[row] > 0]


class KeptIndexes:
    """The indexes of the sets that were asked about last, one for a process."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, WordIndex] = OrderedDict()  # by digest of the set
        self._reading = threading.Lock()

    def of(self, store_url: str, path: str, *, digest: str) -> WordIndex:
        """That of a frozen file, read once. Raises FrozenFileCorrupt where it is gone or holds no rows."""
        with self._reading:
            if digest not in self._kept:
                self._kept[digest] = _read_index(store_url, path)
            self._kept.move_to_end(digest)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
            return self._kept[digest]

    def forget(self, digest: str) -> None:
        """What is known of a set whose file was deleted."""
        with self._reading:
            self._kept.pop(digest, None)


def read_rows(store_url: str, path: str, begins: Sequence[int]) -> list[dict[str, Any]]:
    """The rows of a frozen file that begin at these places. Raises FrozenFileCorrupt."""
    filesystem, root = fsspec.core.url_to_fs(store_url)
    target, rows = f"{root.rstrip('/')}/{path}", []
    try:
        with filesystem.open(target, "rb") as file:
            for begin in begins:
                file.seek(begin)
                rows.append(json.loads(file.readline()))
    except (FileNotFoundError, ValueError) as error:
        raise FrozenFileCorrupt(target) from error
    return rows


def _read_index(store_url: str, path: str) -> WordIndex:
    filesystem, root = fsspec.core.url_to_fs(store_url)
    target = f"{root.rstrip('/')}/{path}"
    try:
        with filesystem.open(target, "rb") as file:
            return WordIndex(file)
    except (FileNotFoundError, ValueError, KeyError, TypeError) as error:
        raise FrozenFileCorrupt(target) from error


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.casefold()))
