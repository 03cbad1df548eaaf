"""Assembling a night's training set from a large journal, all rules on, and from one a tenth of its size.

    python -m benchmarks.assembly [RATINGS]

Each assembly is a process of its own on a database of its own. The next night is the same journal with
10 000 ratings more: clusters are stored by then, everything else is read again.
"""

import json
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from benchmarks._installation import own_installation
from benchmarks._journal import BEGIN, Journal, Size
from benchmarks._table import Bar, Relation, Row, report
from services.db import embedded, migrate
from services.db.session import database_url, make_engine
from services.settings import ROOT

NAME = "assembly"
_RATINGS = 1_000_000
_MORE = 10_000
_STEPS = {
    "count_new": "is there enough new",
    "cluster_new": "clusters of near duplicates, and their splits",
    "hear": "opinions into arrays",
    "reconcile": "daily limit, consensus, test of raters",
    "stream_prompts": "texts, prompt by prompt",
    "examples_of": "signals to examples",
    "stream_overridden": "what was said anew",
    "the rest": "gathering, length, masking, writing row by row",
    "settle": "capped influence",
    "freeze": "freezing three files",
}


@dataclass(frozen=True, slots=True)
class _Measured:
    first: dict[str, Any]
    next_night: dict[str, Any]


def main() -> int:
    ratings = int(sys.argv[1]) if len(sys.argv) > 1 else _RATINGS
    with (
        tempfile.TemporaryDirectory(prefix="assembly-") as folder,
        own_installation(Path(folder)) as settings,
    ):
        embedded.start(settings)
        try:
            engine = make_engine(database_url(settings))
            migrate.upgrade(engine)
            small, large = (_measure(engine, Size(size)) for size in (ratings // 10, ratings))
            engine.dispose()
        finally:
            with suppress(ProcessLookupError):
                embedded.stop(settings)
    report(NAME, _rows(ratings, small, large))
    return 0


def _measure(engine: Engine, size: Size) -> _Measured:
    slug = f"size-{size.ratings}"
    journal = Journal(engine, size, slug=slug)
    journal.fill()
    first = _assemble(slug, day=1)
    journal.add(_MORE, day=1)
    return _Measured(first, _assemble(slug, day=2))


def _assemble(slug: str, *, day: int) -> dict[str, Any]:
    cutoff = (BEGIN + timedelta(days=day)).isoformat()
    command = [sys.executable, "-m", "benchmarks._assembling", slug, cutoff]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def _rows(ratings: int, small: _Measured, large: _Measured) -> list[Row]:
    """Theirs is the tenth of it."""
    one, tenth = large.first, small.first
    memory = Bar(Relation.BELOW, round(1.5 * tenth["peak_mib"], 1))
    return [
        Row(f"{ratings:,} ratings (theirs: a tenth), rows made", one["rows"], tenth["rows"]),
        _seconds("assembled, seconds", one["seconds"], tenth["seconds"], Bar(Relation.AT_MOST, 60)),
        *(
            _seconds(f"of it: {what}, seconds", one["steps"][step], tenth["steps"][step])
            for step, what in _STEPS.items()
        ),
        Row("memory at its most, MiB", round(one["peak_mib"], 1), bar=Bar(Relation.AT_MOST, 1024)),
        Row("the same, and the tenth's", round(one["peak_mib"], 1), round(tenth["peak_mib"], 1), memory),
        Row("of it after imports, MiB", round(one["imported_mib"], 1), round(tenth["imported_mib"], 1)),
        _seconds(
            f"the next night, {_MORE:,} ratings more, seconds",
            large.next_night["seconds"],
            small.next_night["seconds"],
            Bar(Relation.AT_MOST, 10),
        ),
    ]


def _seconds(what: str, ours: float, theirs: float, bar: Bar | None = None) -> Row:
    return Row(what, round(ours, 2), round(theirs, 2), bar)


if __name__ == "__main__":
    sys.exit(main())
