"""What a set that goes on from the champion's takes over from earlier ones: replay, and references.

A suite must not shrink to the held-out prompts that somebody happened to speak of since: references of the
champion's set stay where nothing was said of their prompts, and of the others everything said is heard anew.
Which rows are replayed is `replaying`'s.
"""

import heapq
import json
import logging
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from itertools import accumulate, islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from services.adapters.freezing import thaw
from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import AdapterVersionRow, TrainingSetRow
from services.domain.consensus import Mask
from services.domain.examples import Dropped, DropReason, Kind
from services.domain.replay import rows_to_replay
from services.training_sets.choosing import UNFIT, WAITING_AT_MOST
from services.training_sets.drafting import Draft, Pile
from services.training_sets.renewing import Renewing
from services.training_sets.replayable import held_back, raters_of
from services.training_sets.replaying import Replayed, Replayer

logger = logging.getLogger(__name__)

WeakDomains = Callable[[AdapterVersionRow], Mapping[str, int]]  # in how many reports each was weak


def nothing_weak(_: AdapterVersionRow) -> Mapping[str, int]:
    """Where no report is at hand."""
    return {}


@dataclass(frozen=True, slots=True)
class Replay:
    """What was wanted by kind, what was drawn, and what a person should know of it.

    `lost` are ids of earlier sets that could not be read.
    """

    wanted: Mapping[Kind, int]
    drawn: tuple[Replayed, ...]
    failed: Mapping[str, int]
    passed_over: Mapping[DropReason, int]
    lost: Sequence[int]

    def as_record(self, kept: Mask, *, rows: int) -> dict[str, Any]:
        """`kept` says which of the drawn rows are in the set, `rows` how many rows it has in all."""
        stay = self._staying(kept)
        wanted = sum(self.wanted.values())
        missing = wanted - len(stay)
        short = [f"{missing} rows short of the {wanted} wanted"] if missing > 0 else []
        short += [f"set {lost} is lost or damaged" for lost in self.lost]
        return {
            "wanted": wanted,
            "rows": len(stay),
            "percent": round(100 * len(stay) / rows, 1) if rows else 0.0,
            "short": "; ".join(short),
            "domains": dict(sorted(Counter(row.domain for row in stay).items())),
            "weak_domains": dict(sorted(self.failed.items())),
            "passed_over": {reason.value: count for reason, count in sorted(self.passed_over.items())},
        }

    def prompts(self, kept: Mask) -> list[str]:
        """The prompt keys of the drawn rows that are in the set."""
        return [row.prompt_key for row in self._staying(kept)]

    def _staying(self, kept: Mask) -> list[Replayed]:
        return [row for row, stays in zip(self.drawn, kept, strict=True) if stays]


@dataclass(frozen=True, slots=True)
class Earlier:
    """The champion's set, for one assembly that goes on from it; `folder` is for files of its own.

    `heard` are the keys of prompts that the draft decides anew, `excluded` ids of raters whose word does not
    count; `late` is the memory's; `raters` numbers ids as the draft does and grows by those who spoke in
    earlier sets alone. `weak_domains` tells where the champion was weak.
    """

    session: Session
    persona: PersonaRow
    champion: AdapterVersionRow
    learnt: TrainingSetRow
    cutoff: datetime
    store_url: str
    folder: Path
    renewing: Renewing
    heard: Collection[str]
    excluded: Collection[str]
    late: Mapping[str, datetime]
    weak_domains: WeakDomains
    raters: dict[str, int] = field(default_factory=dict)

    def add_references(self, draft: Draft) -> None:
        """The champion's set's references, but those of prompts heard anew, and what judges no more."""
        frozen = self.learnt.report["held_out"]
        file = thaw(self.store_url, frozen["path"], digest=frozen["digest"], into=self.folder)
        held = held_back(self.session, self.persona, cutoff=self.cutoff)
        with file.open(encoding="utf-8") as opened:  # not splitlines(): texts may hold other separators
            lines = list(opened)
        records = [json.loads(line) for line in lines]
        who = raters_of(self.session, {source for record in records for source in record["sources"]})
        for line, record in zip(lines, records, strict=True):
            raters = {who[source] for source in record["sources"] if source in who}
            judges = held.get(record["split_key"]) is DropReason.HELD_OUT
            if judges and record["prompt_key"] not in self.heard and raters.isdisjoint(self.excluded):
                draft.references.add_again(line, self._numbers(raters))

    def add_waiting(self, draft: Draft) -> None:
        """What the champion's set left out for lack of others, where nothing speaks against it by now.

        What tonight's format or length speaks against waits on; the rest of what stays away is dropped.
        """
        kept = self.learnt.report.get("waiting")
        if kept is None:  # of an earlier release
            return

        def tell(line: str, reason: DropReason) -> None:
            record = json.loads(line)
            if reason in UNFIT:
                draft.keep_waiting(line, reason)
            elif reason is not DropReason.DECIDED_ANEW and record["prompt_key"] not in self.heard:
                draft.drop([Dropped(tuple(record["sources"]), reason)])

        waiting = self._replayer(dict.fromkeys(Kind, WAITING_AT_MOST))
        waiting.tell = tell
        file = thaw(self.store_url, kept["path"], digest=kept["digest"], into=self.folder)
        waiting.read(file, said_until=self.learnt.cutoff)
        for row in waiting.draw({}):
            draft.rows.add_again(row.line, self._numbers(row.raters))

    def add_replay(self, draft: Draft, wanted: Mapping[Kind, int], seeds: Callable[[Path], None]) -> Replay:
        """Draw a replay into the draft's rows; `seeds` writes rows of seed data nobody ever asked about."""
        failed = self.weak_domains(self.champion)
        replayer = self._replayer(wanted)
        replayer.read_sets(self.store_url, self.folder)
        drawn = replayer.draw(failed)
        if len(drawn) < sum(wanted.values()):  # among all there are there may be more
            replayer = self._replayer(wanted)
            replayer.read_sets(self.store_url, self.folder, every=True)
            drawn = replayer.draw(failed)
        if sum(row.kind is Kind.DEMONSTRATION for row in drawn) < wanted.get(Kind.DEMONSTRATION, 0):
            seeds(file := self.folder / "seeds.jsonl")
            replayer.read(file, said_until=self.learnt.cutoff)
            drawn = replayer.draw(failed)
        for row in drawn:
            draft.rows.add_again(row.line, self._numbers(row.raters))
        for lost in replayer.lost:
            logger.warning("set %d is lost or damaged and is left out of the replay", lost)
        return Replay(wanted, tuple(drawn), failed, replayer.passed_over, replayer.lost)

    def _replayer(self, wanted: Mapping[Kind, int]) -> Replayer:
        return Replayer(
            self.session,
            self.learnt,
            self.renewing,
            cutoff=self.cutoff,
            wanted=wanted,
            decided={**self.late, **dict.fromkeys(self.heard, self.cutoff)},
            excluded=self.excluded,
        )

    def _numbers(self, raters: Collection[str]) -> list[int]:
        return [self.raters.setdefault(rater, len(self.raters)) for rater in sorted(raters)]


def wanted_by_kind(pile: Pile, kept: Mask, percent: int) -> dict[Kind, int]:
    """How many rows of each kind make up that percentage of the set beside those that are kept."""
    counts = {kind: int(np.count_nonzero(kept & pile.of_kinds([kind]))) for kind in Kind}
    return {kind: rows_to_replay(count, percent) for kind, count in counts.items() if count}


def put_in_order(file: Path, *, parts: Sequence[int]) -> None:
    """Merge parts of so many lines, and the rest, by prompt key; each part is in that order already."""
    ordered, starts = file.with_suffix(".ordered"), [0, *accumulate(parts), None]
    with ExitStack() as opened:
        lines = [
            islice(opened.enter_context(file.open(encoding="utf-8")), start, end)
            for start, end in pairwise(starts)
        ]
        with ordered.open("w", encoding="utf-8") as target:
            target.writelines(heapq.merge(*lines, key=_prompt_key))
    ordered.replace(file)


def _prompt_key(line: str) -> str:
    return str(json.loads(line)["prompt_key"])
