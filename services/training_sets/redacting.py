"""What frozen sets hold of an erased rater: found by what their lines came from, and taken out.

A set that learnt from the rater, or went on from one that did, is marked redacted: its files with their words
go, and nothing reads it again. Where they were only among what a set judges by or keeps waiting, that file is
written anew without them. The caller deletes the old files once all of this is committed.
"""

import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import fsspec
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from services.adapters.freezing import freeze
from services.db.lineage_tables import TrainingSetRow, TrainingSetSourcesRow
from services.domain.training import digest_of
from services.training_sets.privacy import mask

ERASED = "(erased)"  # in the place of a domain or an audience that nobody else named
_BESIDE = ("held_out", "waiting")  # the files beside a set's rows that hold people's texts
_NAMED = re.compile(r'"sources?": (\[[^]]*\]|"[^"]*")')
_NAME = re.compile(r'"([a-z]+):(\d+)"')
_SHOWN = 100  # characters of a prompt in the report of leaks
# Like anything that nobody asks any more: the prompt keeps its side, and is compared with nothing.
_FORGET_SIGNATURES = text("""
    UPDATE prompt_signatures SET version = 'erased', bands = '', words = ''
    WHERE persona_id = :persona AND split_key = ANY(:keys)
    AND NOT EXISTS (SELECT FROM seed_examples s WHERE s.persona_id = :persona
                    AND s.split_key = prompt_signatures.split_key)
    AND NOT EXISTS (SELECT FROM evaluation_items e WHERE e.persona_id = :persona
                    AND e.split_key = prompt_signatures.split_key)
    AND NOT EXISTS (SELECT FROM questions q JOIN conversations c ON c.id = q.conversation_id
                    WHERE c.persona_id = :persona AND c.rater_id <> :rater
                    AND q.split_key = prompt_signatures.split_key)
""")

Sources = Mapping[str, Collection[int]]


@dataclass(frozen=True, slots=True)
class Hits:
    """Files below the store that hold lines of the rater, and the keys that such references have as items."""

    files: dict[str, str] = field(default_factory=dict)  # what each is, by its path: rows, held_out, waiting
    items: set[str] = field(default_factory=set)


def scan(session: Session, store_url: str, personas: Collection[int], sources: Sources) -> Hits:
    """Look through every set of these personas; a file that is gone holds nothing."""
    wanted = {kind: frozenset(ids) for kind, ids in sources.items()}
    hits = Hits()
    for path, what in _files(session, personas).items():
        for line in _lines(store_url, path):
            if _is_of(line, wanted):
                hits.files[path] = what
                if what == "held_out":
                    hits.items.add(_item_key(json.loads(line)))
    return hits


def shaped(session: Session, personas: Collection[int], sources: Sources, hits: Hits) -> list[TrainingSetRow]:
    """The sets that learnt from one of the sources, and those that went on from one of them, oldest first."""
    learnt = set(
        session.scalars(
            select(TrainingSetRow.id).where(
                TrainingSetRow.path.in_([path for path, what in hits.files.items() if what == "rows"])
            )
        )
    )
    for kind, ids in sources.items():
        named = TrainingSetSourcesRow.kind == kind, TrainingSetSourcesRow.ids.overlap(list(ids))
        learnt |= set(session.scalars(select(TrainingSetSourcesRow.training_set_id).where(*named)))
    sets = session.scalars(
        select(TrainingSetRow).where(TrainingSetRow.persona_id.in_(personas)).order_by(TrainingSetRow.id)
    ).all()
    for row in sets:  # a set goes on from an older one, which has the smaller id
        if (row.plan.get("start") or {}).get("training_set") in learnt:
            learnt.add(row.id)
    return [row for row in sets if row.id in learnt]


def redact_sets(sets: Sequence[TrainingSetRow], *, at: datetime) -> None:
    for row in sets:
        row.redacted_at = row.redacted_at or at


def rewrite_others(
    session: Session, store_url: str, personas: Collection[int], sources: Sources, hits: Hits
) -> int:
    """The sets that are not redacted judge by, and keep waiting, what is left; how many were written anew."""
    wanted = {kind: frozenset(ids) for kind, ids in sources.items()}
    rewritten: dict[str, dict[str, Any]] = {}
    changed = 0
    for row in _others(session, personas):
        report = dict(row.report)
        for what in _BESIDE:
            path = (report.get(what) or {}).get("path")
            if path in hits.files:
                kept = rewritten.get(path) or _rewrite(store_url, path, wanted)
                rewritten[path] = kept
                lines = {"references": kept["lines"]} if what == "held_out" else {}
                report[what] = {**lines, "digest": kept["digest"], "path": kept["path"]}
        if report != row.report:
            row.report, changed = report, changed + 1
    return changed


def redact_set_reports(
    session: Session, personas: Collection[int], texts: Mapping[str, str], labels: Collection[str]
) -> None:
    """Take out of every set's report the prompts and labels of the rater.

    `texts` are those of their prompts, by split key.
    """
    shown = {mask(said).text[:_SHOWN]: key for key, said in texts.items()}
    for row in session.scalars(select(TrainingSetRow).where(TrainingSetRow.persona_id.in_(personas))):
        report = {**row.report}
        if "leaks" in report:
            report["leaks"] = {
                name: _without_prompts(found, shown) for name, found in report["leaks"].items()
            }
        if "replay" in report:
            report["replay"] = {
                name: _without_labels(found, labels) for name, found in report["replay"].items()
            }
        if report != row.report:
            row.report = report


def forget_signatures(session: Session, persona: int, rater: object, keys: Collection[str]) -> None:
    """What prompts are like that nobody but the rater asked: their words could be found by trying."""
    session.execute(_FORGET_SIGNATURES, {"persona": persona, "rater": rater, "keys": sorted(keys)})


def _files(session: Session, personas: Collection[int]) -> dict[str, str]:
    """What each file of these personas' sets is, by its path."""
    files = {}
    rows = select(TrainingSetRow.path, TrainingSetRow.report).where(TrainingSetRow.persona_id.in_(personas))
    for path, report in session.execute(rows):
        files[path] = "rows"
        files |= {report[what]["path"]: what for what in _BESIDE if report.get(what)}
    return files


def _others(session: Session, personas: Collection[int]) -> Sequence[TrainingSetRow]:
    return session.scalars(
        select(TrainingSetRow).where(
            TrainingSetRow.persona_id.in_(personas), TrainingSetRow.redacted_at.is_(None)
        )
    ).all()


def _lines(store_url: str, path: str) -> Iterator[str]:
    filesystem, root = fsspec.core.url_to_fs(store_url)
    try:
        with filesystem.open(f"{root.rstrip('/')}/{path}", "r", encoding="utf-8", newline="\n") as lines:
            yield from lines
    except FileNotFoundError:
        return


def _is_of(line: str, wanted: Mapping[str, frozenset[int]]) -> bool:
    """Whether one of the sources had a part in a line; within a text its quotation marks would be escaped."""
    named = _NAMED.search(line)
    return bool(named) and any(
        int(number) in wanted.get(kind, ()) for kind, number in _NAME.findall(named[1] if named else "")
    )


def _item_key(record: Mapping[str, Any]) -> str:
    """The key of the item that a reference becomes, as suites give it."""
    rejected = record.get("rejected", "")
    key: str = record["prompt_key"]
    return digest_of([key, record["reference"], rejected]) if rejected else key


def _rewrite(store_url: str, path: str, wanted: Mapping[str, frozenset[int]]) -> dict[str, Any]:
    with TemporaryDirectory(prefix="redacting-") as folder:
        file, kept = Path(folder) / "lines.jsonl", 0
        with file.open("w", encoding="utf-8") as target:
            for line in _lines(store_url, path):
                if not _is_of(line, wanted):
                    target.write(line)
                    kept += 1
        return {"lines": kept, **asdict(freeze(store_url, file))}


def _without_prompts(found: Any, shown: Mapping[str, str]) -> Any:  # noqa: ANN401  (JSON)
    if not isinstance(found, dict) or "newest" not in found:
        return found
    newest = [one | {"prompt": shown.get(one["prompt"], one["prompt"])} for one in found["newest"]]
    return found | {"newest": newest}


def _without_labels(found: Any, labels: Collection[str]) -> Any:  # noqa: ANN401  (JSON)
    if not isinstance(found, dict):
        return found
    counted: defaultdict[str, int] = defaultdict(int)
    for name, count in found.items():
        counted[ERASED if name in labels else name] += count
    return dict(counted)
