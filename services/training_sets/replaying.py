"""Replay: rows of earlier sets that a night learns again beside what is new, so that they are not unlearnt.

Drawn from the chain of sets behind the champion, and from seed data where that has too few, by a hash of
what a row came from and the night's cutoff: it is one row in every set that has it, under whatever prompt.
Each kind by itself, as each stage forgets by itself; within a kind by domain, in proportion to its rows and
to how often earlier reports found it weak (`services.domain.replay`). A row comes back as the last set had
it, with its sources, under tonight's prompt (`renewing`), and only if nothing was said of its prompt since,
no later set made another one of its prompt and kind, and nobody whose word does not count had a part in it.
"""

import hashlib
import json
import re
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from services.adapters.freezing import thaw
from services.db.lineage_tables import TrainingSetRow
from services.domain.examples import DropReason, Kind
from services.domain.replay import share_out
from services.errors.artifacts import FrozenFileCorrupt
from services.training_sets.renewing import Renewing
from services.training_sets.replayable import held_back, last_said, prompts_made_by, raters_of

_LOOKED_AT = 20  # rows for each that is wanted: the next ones stand in for those that may not come back
_KIND, _SOURCES = re.compile(rb'"kind": "[^"]*"'), re.compile(rb'"sources": \[[^]]*\]')
_PLACE = np.dtype([("order", "<u8"), ("file", "<u8"), ("offset", "<u8")])


Tell = Callable[[str, DropReason], object]


@dataclass(frozen=True, slots=True)
class Replayed:
    """A line of an earlier set, as tonight writes it, and the ids of the raters who had a part in it."""

    line: str
    kind: Kind
    prompt_key: str
    domain: str
    raters: tuple[str, ...]


class Replayer:
    """Draws from what the sets behind `learnt`, itself included, hold of the wanted kinds.

    Looked at are the rows with the smallest hashes, `_LOOKED_AT` times as many as are wanted: each domain has
    its part in them. `decided` says up to which cutoff prompts were decided anew, tonight or for
    words that came late; `excluded` are ids of raters whose word does not count. `tell` is told every line
    that was looked at and stays away, with the reason.
    """

    def __init__(
        self,
        session: Session,
        learnt: TrainingSetRow,
        renewing: Renewing,
        *,
        cutoff: datetime,
        wanted: Mapping[Kind, int],
        decided: Mapping[str, datetime],
        excluded: Collection[str],
    ) -> None:
        self._session, self._persona, self._learnt = session, learnt.persona, learnt
        self._renewing = renewing
        self.tell: Tell = lambda _line, _reason: None
        self._cutoff, self._wanted, self._decided, self._excluded = cutoff, wanted, decided, excluded
        self._held_back = held_back(session, learnt.persona, cutoff=cutoff)
        self._files: list[tuple[Path, datetime]] = []  # with the instant up to which each knew what was said
        self._places: defaultdict[tuple[Kind, str], array[int]] = defaultdict(lambda: array("Q"))
        self._last: dict[int, int] = {}  # by a row's hash, the last file that has it
        self._newest: dict[tuple[str, str], int] = {}  # the last file that made one of a prompt and kind
        self._remade: dict[str, int] = {}  # by prompt, the first file after the last lost set with rows of it
        self.lost: list[int] = []  # ids of sets whose rows cannot be read
        self._below = 2**64  # hashes from here on are not looked at
        self._kept_away: dict[int, DropReason] = {}  # by a row's hash
        self._passed_over: Counter[DropReason] = Counter()

    @property
    def passed_over(self) -> Counter[DropReason]:
        """By why rows that were looked at stay away."""
        return Counter(self._kept_away.values()) + self._passed_over

    def read_sets(self, store_url: str, folder: Path, *, every: bool = False) -> None:
        """Look through the frozen rows of the chain, oldest set first; at `every` one, where asked.

        A set whose rows are lost or damaged is left out, and nothing older comes back of what it made anew.
        """
        sets = list(chain(self._session, self._learnt))[::-1]
        rows = sum(training_set.row_count for training_set in sets)
        share = 1.0 if every else _LOOKED_AT * sum(self._wanted.values()) / max(rows, 1)
        self._below = int(min(share, 1.0) * 2**64)
        for place, training_set in enumerate(sets):
            try:
                path = thaw(store_url, training_set.path, digest=training_set.digest, into=folder)
            except FrozenFileCorrupt:
                self.lost.append(training_set.id)
                made = prompts_made_by(self._session, training_set, sets[:place])
                self._remade |= dict.fromkeys(made, len(self._files))
            else:
                self.read(path, said_until=training_set.cutoff, of_chain=True)
        self._below = 2**64

    def read(self, path: Path, *, said_until: datetime, of_chain: bool = False) -> None:
        """Look through one file of rows that knew what was said until an instant.

        One `of_chain` overtakes those read before it. Rows they have too it did not make; but they held up to
        its cutoff.
        """
        number, offset = len(self._files), 0
        self._files.append((path, said_until))
        salt = self._cutoff.isoformat().encode()
        with path.open("rb") as lines:
            for line in lines:
                order = int.from_bytes(hashlib.blake2b(_identity(line), digest_size=8, key=salt).digest())
                looked_at, known = order < self._below, order in self._last
                if of_chain or (looked_at and self._last.get(order, number) == number):
                    self._last[order] = number
                    record = json.loads(line) if looked_at or (number and not known) else {}
                    made = record.get("prompt_key", ""), record.get("kind", "")
                    if of_chain and not known and (looked_at or made in self._newest):
                        self._newest[made] = number
                    if looked_at:
                        self._note(line, record, (order, number, offset))
                offset += len(line)

    def draw(self, failed: Mapping[str, int]) -> list[Replayed]:
        """As many rows of each kind as are wanted, or as there are, in order of their prompts.

        `failed` says in how many reports a domain was weak.
        """
        self._passed_over.clear()
        drawn = [row for kind in self._wanted for row in self._draw(kind, failed)]
        return sorted(drawn, key=lambda row: row.prompt_key)

    def _note(self, line: bytes, record: Mapping[str, Any], place: tuple[int, int, int]) -> None:
        if record["kind"] not in self._wanted:
            return
        reason = self._held_back.get(record["split_key"])
        if reason is not None:
            self._kept_away[place[0]] = reason
            self.tell(line.decode(), reason)
        else:
            self._places[Kind(record["kind"]), record["domain"]].extend(place)

    def _draw(self, kind: Kind, failed: Mapping[str, int]) -> Iterator[Replayed]:
        found = {domain: places for (of, domain), places in self._places.items() if of is kind}
        places = {domain: self._ordered(placed) for domain, placed in found.items()}
        left = self._wanted[kind]
        while left and any(map(len, places.values())):
            shares = share_out({domain: len(found) for domain, found in places.items()}, failed, left)
            taken = [place for domain, share in shares.items() for place in places[domain][:share]]
            places = {domain: found[shares[domain] :] for domain, found in places.items()}
            usable = self._usable(kind, taken)
            left -= len(usable)
            yield from usable

    def _usable(self, kind: Kind, places: Sequence[tuple[int, int]]) -> list[Replayed]:
        lines = [self._line(*place) for place in places]
        records = [json.loads(line) for line in lines]
        sources = {source for record in records for source in record["sources"]}
        keys = {record["prompt_key"] for record in records}
        said = last_said(self._session, self._persona, keys, cutoff=self._cutoff)
        who = raters_of(self._session, sources)
        usable = []
        for (file, _), line, record in zip(places, lines, records, strict=True):
            key, until = record["prompt_key"], self._files[file][1]
            raters = {who[source] for source in record["sources"] if source in who}
            made_since = max(self._newest.get((key, kind), file), self._remade.get(key, file)) > file
            renewed: str | DropReason
            if made_since or max(said.get(key, until), self._decided.get(key, until)) > until:
                renewed = DropReason.DECIDED_ANEW
            elif not raters.isdisjoint(self._excluded):
                renewed = DropReason.RATER_FLAGGED
            else:
                renewed = self._renewing.renew(line)
            if isinstance(renewed, DropReason):
                self._passed_over[renewed] += 1
                self.tell(line, renewed)
            else:
                usable.append(Replayed(renewed, kind, key, record["domain"], tuple(sorted(raters))))
        return usable

    def _ordered(self, places: "array[int]") -> list[tuple[int, int]]:
        """File and offset of each row's last place, in the order in which they are drawn."""
        found = np.frombuffer(places, dtype=_PLACE)
        found = found[np.argsort(found["order"], kind="stable")]
        return [(file, offset) for order, file, offset in found.tolist() if self._last[order] == file]

    def _line(self, file: int, offset: int) -> str:
        path, _ = self._files[file]
        with path.open("rb") as opened:
            opened.seek(offset)
            return opened.readline().decode()


def chain(session: Session, learnt: TrainingSetRow) -> Iterator[TrainingSetRow]:
    """The set, the one it went on from, and so on; the last is of no adapter of this persona."""
    earlier: TrainingSetRow | None = learnt
    while earlier is not None:
        yield earlier
        start = earlier.plan.get("start")
        earlier = (
            session.get_one(TrainingSetRow, start["training_set"])
            if start and "lent_by" not in start
            else None
        )


def _identity(line: bytes) -> bytes:
    """Of what kind a row is, and what it came from.

    Nothing is parsed for it: within a text of JSON these quotation marks would be escaped.
    """
    return b" ".join(found[0] for found in (_KIND.search(line), _SOURCES.search(line)) if found)
