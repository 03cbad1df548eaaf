"""What a set knows of its raters, kept in a file beside it for a set that goes on from it.

How each has chosen where what was right, where the products of the test for hostile raters stand, and what
the daily limit took: so the next night need not hear everything anew, whoever was flagged stays so until a
person decides, and nobody's test begins again every night. And which words it saw, for those that came late.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from services.domain.consensus import Choice, Integers, Taught
from services.domain.raters import RaterFindings

Record = dict[str, Any]
_FINDINGS = tuple(one.name for one in fields(RaterFindings))


@dataclass(frozen=True, slots=True)
class Memory:
    """`raters` by id, as the file has them; `right` as in `Taught`; `beyond_limit` are ids of ratings.

    `seen` is what `late_words` asks for; `late` says up to which cutoff a night decided a prompt anew for a
    word that came late, this night or one that was gone on from.
    """

    right: tuple[float, ...] = (0.0,) * len(Choice)
    beyond_limit: tuple[int, ...] = ()
    raters: Mapping[str, Record] = field(default_factory=dict)
    seen: Mapping[str, str] = field(default_factory=dict)
    late: Mapping[str, datetime] = field(default_factory=dict)

    def taught(self, raters: Sequence[str]) -> Taught:
        """For these raters, in their order."""
        none = np.zeros((len(Choice), len(Choice)))
        counts = [self.raters[rater]["counts"] if rater in self.raters else none for rater in raters]
        by_rater = np.array(counts, dtype=float).reshape(-1, len(Choice), len(Choice))
        return Taught(np.ascontiguousarray(by_rater.transpose(1, 0, 2)), np.array(self.right))

    def findings(self, raters: Sequence[str]) -> RaterFindings:
        """For these raters, in their order."""
        found = RaterFindings.none(len(raters), len(Choice))
        known = [(place, self.raters[rater]) for place, rater in enumerate(raters) if rater in self.raters]
        columns = {name: getattr(found, name).copy() for name in _FINDINGS}
        for place, record in known:
            for name, column in columns.items():
                column[place] = record[name]
        return RaterFindings(**columns)

    def spent(self, raters: Sequence[str], *, rater: Integers, day: Integers) -> Integers:
        """How many opinions of that day each opinion's rater had given before, (opinions,)."""
        days = np.array([self.raters.get(one, {}).get("day", -1) for one in raters], dtype=np.int32)
        said = np.array([self.raters.get(one, {}).get("said", 0) for one in raters], dtype=np.int32)
        spent = said[rater]
        spent[days[rater] != day] = 0
        return spent

    @property
    def flagged(self) -> Collection[str]:
        """Ids of raters whose test said so at some time, whatever people decided."""
        return {rater for rater, record in self.raters.items() if record["flagged_after"]}

    def write(self, file: Path) -> None:
        with file.open("w", encoding="utf-8") as lines:
            late = {prompt: until.isoformat() for prompt, until in self.late.items()}
            head: Record = {"right": list(self.right), "beyond_limit": list(self.beyond_limit)}
            head |= {"seen": dict(self.seen), "late": late}
            lines.write(json.dumps(head, sort_keys=True) + "\n")
            for rater, record in sorted(self.raters.items()):
                lines.write(json.dumps({"rater": rater, **record}, sort_keys=True) + "\n")


def read_memory(file: Path) -> Memory:
    head, *others = (json.loads(line) for line in file.read_text(encoding="utf-8").splitlines())
    records = {record.pop("rater"): record for record in others}
    late = {prompt: datetime.fromisoformat(until) for prompt, until in head.get("late", {}).items()}
    return Memory(tuple(head["right"]), tuple(head["beyond_limit"]), records, head.get("seen", {}), late)


def remember(
    earlier: Memory,
    raters: Sequence[str],
    taught: Taught,
    findings: RaterFindings,
    *,
    newest: Sequence[tuple[int, int]],
    beyond_limit: Integers,
) -> Memory:
    """What is known after tonight of those who spoke and of those who did not.

    `newest` is each rater's last day and how many of its opinions it had.
    """
    records = dict(earlier.raters)
    counts = taught.counts.transpose(1, 0, 2)
    columns = {name: getattr(findings, name).tolist() for name in _FINDINGS}
    for place, (rater, (day, said)) in enumerate(zip(raters, newest, strict=True)):
        records[rater] = {name: column[place] for name, column in columns.items()} | {
            "counts": counts[place].tolist(),
            "day": day,
            "said": said,
        }
    beyond = tuple(sorted({*earlier.beyond_limit, *beyond_limit.tolist()}))
    return Memory(tuple(taught.right.tolist()), beyond, records)
