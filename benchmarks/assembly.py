"""Assembling a night's training set from a large journal, all rules on, and from one a tenth of its size.

    python -m benchmarks.assembly [RATINGS]

Each assembly is a process of its own, its imports included in no figure but memory. Before the first of a
journal the database is started anew and its files are taken out of the system's memory. The next night has
10 000 ratings more; it is assembled whole, and from the champion that learnt the first. Beside them the core
rules alone, as one SQL statement, with pandas and with datasets (`_core_rules`), each as cold as the first.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select, text

from benchmarks._assembling import REST
from benchmarks._installation import own_installation
from benchmarks._journal import BEGIN, Journal, Size
from benchmarks._table import Bar, Relation, Row, report
from services.db import embedded, migrate
from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import AdapterVersionRow, PromotionRow, TrainingRunRow, TrainingSetRow
from services.db.session import make_engine, owner_url, session_scope
from services.domain.promotions import PromotionKind
from services.domain.training import RunState
from services.settings import ROOT, Settings

NAME = "assembly"
_RATINGS = 1_000_000
_MORE = 10_000
_WAYS = {"sql": "one SQL statement", "pandas": "pandas", "datasets": "datasets filter and map"}
# Of our rules those that the others have too: the best or newest of a prompt, equal ones once, split, frozen.
_CORE = (
    "hearing: each rater's newest word, as arrays",
    "texts, prompt by prompt, with their splits",
    "gathering: what was said of a prompt, as values",
    "examples: signals to rows, the best or newest",
    "repeats in a cluster",
    "candidates and references written",
    "rows that stay written",
    "freezing",
)
Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Measured:
    first: Figures
    increment: Figures
    whole: Figures


def main() -> int:
    load, *_ = os.getloadavg()
    ratings = int(sys.argv[1]) if len(sys.argv) > 1 else _RATINGS
    with (
        tempfile.TemporaryDirectory(prefix="assembly-") as folder,
        own_installation(Path(folder)) as settings,
    ):
        with _database(settings) as engine:
            migrate.upgrade(engine)
            journals = []
            for size in (ratings // 10, ratings):
                journal = Journal(engine, Size(size), slug=f"size-{size}")
                journal.fill()
                journals.append(journal)
        small, large = (_measure(settings, journal) for journal in journals)
        others = {way: _core_rules(settings, way, f"size-{ratings}") for way in _WAYS}
    before = Row("load of the machine before", round(load, 1))
    report(NAME, [before, *_all_rules(ratings, large, small), *_core_alone(large.first, others)])
    return 0


@contextmanager
def _database(settings: Settings) -> Iterator[Engine]:
    embedded.start(settings)
    engine = make_engine(owner_url(settings))
    try:
        yield engine
    finally:
        engine.dispose()
        with suppress(ProcessLookupError):
            embedded.stop(settings)


@contextmanager
def _cold_database(settings: Settings) -> Iterator[Engine]:
    _forget(settings.var_dir / "postgres")
    with _database(settings) as engine:
        yield engine


def _measure(settings: Settings, journal: Journal) -> _Measured:
    with _cold_database(settings) as engine:
        first = _assemble(journal.slug, day=1)
        journal.reconnect(engine)
        journal.add(_MORE, day=1)
        whole = _assemble(journal.slug, day=2)
        _go_on_from_first(engine, journal.slug)
        return _Measured(first, increment=_assemble(journal.slug, day=2), whole=whole)


def _forget(folder: Path) -> None:
    """Take what was written below a folder out of the system's memory."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _go_on_from_first(engine: Engine, slug: str) -> None:
    """As if an adapter had learnt the persona's first set and served since."""
    with session_scope(engine) as session:
        persona = session.scalars(select(PersonaRow).where(PersonaRow.slug == slug)).one()
        persona.example_policy = persona.example_policy | {"start": "champion"}
        sets = select(TrainingSetRow).where(TrainingSetRow.persona_id == persona.id)
        learnt = session.scalars(sets.order_by(TrainingSetRow.cutoff).limit(1)).one()
        common = {"recipe": {}, "recipe_digest": "recipe", "starting_digest": ""}
        run = TrainingRunRow(
            training_set=learnt, state=RunState.SUCCEEDED, started_at=learnt.cutoff, **common
        )
        session.add(run)
        session.flush()
        version = AdapterVersionRow(
            persona_id=persona.id,
            number=1,
            digest=learnt.digest,
            name=f"{slug}@{learnt.digest[:12]}",
            training_run_id=run.id,
            provenance={},
            created_at=learnt.cutoff,
        )
        at, told = learnt.cutoff, {"actor": "benchmark", "reason": "to go on from"}
        kind = PromotionKind.REINSTATE
        session.execute(text("SET LOCAL session_replication_role = replica"))  # as if a decision had let it
        session.add(PromotionRow(persona_id=persona.id, version=version, kind=kind, at=at, **told))


def _assemble(slug: str, *, day: int) -> Figures:
    cutoff = (BEGIN + timedelta(days=day)).isoformat()
    return _in_a_process("benchmarks._assembling", slug, cutoff)


def _core_rules(settings: Settings, way: str, slug: str) -> Figures:
    with _cold_database(settings), tempfile.TemporaryDirectory(prefix="core-") as folder:
        cutoff = (BEGIN + timedelta(days=1)).isoformat()
        return _in_a_process("benchmarks._core_rules", way, slug, cutoff, folder)


def _in_a_process(module: str, *arguments: str) -> Figures:
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


def _all_rules(ratings: int, large: _Measured, small: _Measured) -> list[Row]:
    """Theirs is the tenth of it."""
    one, tenth = large.first, small.first
    memory = Bar(Relation.BELOW, round(1.5 * tenth["peak_mib"], 1))
    return [
        Row(f"{ratings:,} ratings (theirs: a tenth), rows made", one["rows"], tenth["rows"]),
        _seconds("assembled cold, seconds", one["seconds"], tenth["seconds"], 60),
        *_each_rule(one["rules"], tenth["rules"]),
        _seconds(
            "processor seconds of it, the server's apart",
            one["processor_seconds"],
            tenth["processor_seconds"],
        ),
        Row("memory at its most, MiB", round(one["peak_mib"], 1), bar=Bar(Relation.AT_MOST, 1024)),
        Row("the same, and the tenth's", round(one["peak_mib"], 1), round(tenth["peak_mib"], 1), memory),
        Row("of it after imports, MiB", round(one["imported_mib"], 1), round(tenth["imported_mib"], 1)),
        _seconds(
            f"the next night, {_MORE:,} ratings more, from the champion, seconds",
            large.increment["seconds"],
            small.increment["seconds"],
            10,
        ),
        _seconds("the next night whole, seconds", large.whole["seconds"], small.whole["seconds"]),
    ]


def _each_rule(one: Mapping[str, float], tenth: Mapping[str, float]) -> list[Row]:
    rules = [*(rule for rule in one if rule != REST), REST]
    return [_seconds(f"of it: {rule}", one.get(rule, 0.0), tenth.get(rule, 0.0)) for rule in rules]


def _core_alone(one: Figures, others: Mapping[str, Figures]) -> list[Row]:
    """Theirs are the other ways; ours is what these rules took in the assembly with all of them."""
    core = sum(one["rules"][rule] for rule in _CORE)
    at_most = Bar(Relation.AT_MOST, 1.5)
    return [
        *(
            _seconds(f"core rules alone, cold; theirs: {_WAYS[way]}, seconds", core, done["seconds"])
            for way, done in others.items()
        ),
        Row("the same against one SQL statement", round(core / others["sql"]["seconds"], 2), bar=at_most),
        *(
            Row(f"memory; theirs: {_WAYS[way]}, MiB", round(one["peak_mib"], 1), round(done["peak_mib"], 1))
            for way, done in others.items()
        ),
    ]


def _seconds(what: str, ours: float, theirs: float, at_most: float | None = None) -> Row:
    bar = None if at_most is None else Bar(Relation.AT_MOST, at_most)
    return Row(what, round(ours, 2), round(theirs, 2), bar)


if __name__ == "__main__":
    sys.exit(main())
