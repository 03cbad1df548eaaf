"""What became of every comparison of a file: counts in, counts out, and why, as a set's frozen files tell."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks._nights import Judged
from benchmarks._table import Row
from services.adapters.freezing import thaw
from services.domain.conversation import Question, user_text
from services.errors.inputs import InvalidRecord
from services.training_sets.deduplication import clusters, sign
from services.training_sets.importers.records import Read

Line = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Files:
    """The lines of a set's three files."""

    rows: Sequence[Line]
    held_out: Sequence[Line]
    excluded: Sequence[Line]

    def accounted_for(self) -> set[str]:
        """Every source that is in a row or among the excluded."""
        return {source for line in (*self.rows, *self.excluded) for source in line["sources"]}

    def on_both_sides(self) -> tuple[int, int]:
        """Prompts that are learnt from and judge as well: the same ones, and groups of near duplicates."""
        learnt = {_asked(line) for line in self.rows}
        judging = {user_text(Question(**line["question"])) for line in self.held_out}
        texts = [*learnt, *judging]
        groups = clusters(sign(texts))
        near = set(groups[: len(learnt)].tolist()) & set(groups[len(learnt) :].tolist())
        return len(learnt & judging), len(near)


def files_of(store_url: str, night: Judged) -> Files:
    frozen = night.training_set
    report = frozen["report"]
    with TemporaryDirectory(prefix="accounts-") as folder:
        found = []
        for named in (frozen, report["held_out"], report["excluded"]):
            file = thaw(store_url, named["path"], digest=named["digest"], into=Path(folder))
            with file.open(encoding="utf-8") as lines:  # not splitlines(): texts may hold other separators
                found.append([json.loads(line) for line in lines])
    return Files(*found)


def rejected_rows(reads: Iterable[Read]) -> list[Row]:
    """Records that could not be read: how many for each reason, and their lines."""
    lines: dict[str, list[int]] = {}
    for read in reads:
        if isinstance(read, InvalidRecord):
            lines.setdefault(_kind_of(read.reason), []).append(read.line)
    return [
        Row(f"records rejected, {reason}: lines {', '.join(map(str, where))}", len(where))
        for reason, where in sorted(lines.items())
    ]


def dropped_rows(what: str, dropped: Mapping[str, int]) -> list[Row]:
    """Sources left out by reason, the most frequent first."""
    return [Row(f"{what}: left out, {reason}", count) for reason, count in Counter(dropped).most_common()]


def _asked(line: Line) -> str:
    return str(line["messages"][-1]["content"])


def _kind_of(reason: str) -> str:
    return "blank" if "empty" in reason else "not text" if "not text" in reason else reason
