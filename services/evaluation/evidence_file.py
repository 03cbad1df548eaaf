"""The evidence of a decision as a file: what the gate read, bound to the digests of what it was read of.

JSON lines: the first tells what was judged, under which policy and what was decided; each further line is an
item with every arm's scores. No texts: an item goes by its key, so that forgetting a person changes no file.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from services.domain.evidence import Evidence, Scores, SuiteItems
from services.domain.gate import GATE_VERSION, Decision
from services.domain.gate_policy import GatePolicy

Record = dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """What one decision was made of; `bound` names digests (SHA-256, hex) by what they are of."""

    bound: Mapping[str, str]
    policy: GatePolicy
    items: SuiteItems
    candidate: Evidence
    champion: Evidence
    anchor: Evidence

    @property
    def arms(self) -> dict[str, Evidence]:
        return {"candidate": self.candidate, "champion": self.champion, "anchor": self.anchor}


def write_case(case: Case, decision: Decision, file: Path) -> None:
    """Equal cases give equal bytes."""
    with file.open("w", encoding="utf-8") as lines:
        for record in chain([_head(case, decision)], _item_records(case)):
            lines.write(json.dumps(record, sort_keys=True, separators=(",", ":"), allow_nan=False) + "\n")


def read_case(file: Path, policy: GatePolicy) -> Case:
    """What `write_case` wrote, under the decision's policy."""
    with file.open(encoding="utf-8") as lines:
        head = json.loads(next(lines))
        records = [json.loads(line) for line in lines]
    items = SuiteItems(
        keys=tuple(record["key"] for record in records),
        clusters=np.array([record["cluster"] for record in records], dtype=np.int64),
        strata=tuple(record["stratum"] for record in records),
        sealed=np.array([record["sealed"] for record in records], dtype=bool),
        slices=_slices(records),
    )
    candidate, champion, anchor = (
        Evidence(**head["arms"][arm], scores=_scores(arm, records))
        for arm in ("candidate", "champion", "anchor")
    )
    return Case(head["bound"], policy, items, candidate, champion, anchor)


def _head(case: Case, decision: Decision) -> Record:
    return {
        "gate_version": GATE_VERSION,
        "bound": dict(case.bound),
        "policy": asdict(case.policy),
        "arms": {name: _conditions(arm) for name, arm in case.arms.items()},
        "verdict": decision.verdict,
        "opened": decision.opened,
        "checks": [asdict(check) for check in decision.checks],
    }


def _conditions(arm: Evidence) -> Record:
    return {
        "report_id": arm.report_id,
        "version": arm.version,
        "suite_digest": arm.suite_digest,
        "prompt_version": arm.prompt_version,
        "settings_digest": arm.settings_digest,
        "noise": dict(arm.noise),
    }


def _item_records(case: Case) -> Iterator[Record]:
    items = case.items
    for position, key in enumerate(items.keys):
        yield {
            "key": key,
            "cluster": int(items.clusters[position]),
            "stratum": items.strata[position],
            "sealed": bool(items.sealed[position]),
            "slices": sorted(name for name, mask in items.slices.items() if mask[position]),
            "scores": {name: _measured(arm, position) for name, arm in case.arms.items()},
        }


def _measured(arm: Evidence, position: int) -> dict[str, list[float | None]]:
    """Value and weight by metric; a value of None was no usable number."""
    return {
        metric: [
            float(scores.values[position]) if np.isfinite(scores.values[position]) else None,
            float(scores.weights[position]),
        ]
        for metric, scores in sorted(arm.scores.items())
        if not np.isnan(scores.values[position])
    }


def _slices(records: Sequence[Record]) -> dict[str, np.ndarray[Any, np.dtype[np.bool_]]]:
    names = sorted({name for record in records for name in record["slices"]})
    return {name: np.array([name in record["slices"] for record in records], dtype=bool) for name in names}


def _scores(arm: str, records: Sequence[Record]) -> dict[str, Scores]:
    found: dict[str, Scores] = {}
    for position, record in enumerate(records):
        for metric, (value, weight) in record["scores"][arm].items():
            scores = found.setdefault(metric, Scores(np.full(len(records), np.nan), np.zeros(len(records))))
            scores.values[position] = np.inf if value is None else value
            scores.weights[position] = weight
    return found
