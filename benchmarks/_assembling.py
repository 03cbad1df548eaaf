"""One assembly in a process of its own, as a night has it: seconds by step, and the most memory it held.

    python -m benchmarks._assembling SLUG CUTOFF

prints one JSON object (memory as Linux tells it); the installation is the environment's. Steps are timed
from outside, by wrapping what `services.training_sets.assembly` calls; what is left over is gathering,
masking and writing row by row.
"""

import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import ParamSpec, TypeVar

from sqlalchemy import select

from services.db.feedback_tables import PersonaRow
from services.db.session import database_url, make_engine, session_scope
from services.settings import read_settings
from services.training_sets import assembly
from services.training_sets.preparing import Limits

_STEPS = ("count_new", "cluster_new", "hear", "reconcile", "examples_of", "settle", "freeze")
_STREAMS = ("stream_prompts", "stream_overridden")
_MAX_TOKENS = 4_096
_Takes = ParamSpec("_Takes")
_Gives = TypeVar("_Gives")
_Seconds = defaultdict[str, float]


def main() -> int:
    slug, cutoff = sys.argv[1:]
    took: _Seconds = defaultdict(float)
    for name in _STEPS:
        setattr(assembly, name, _timed(getattr(assembly, name), name, took))
    for name in _STREAMS:
        setattr(assembly, name, _timed_stream(getattr(assembly, name), name, took))
    settings = read_settings()
    imported = _peak_mib()
    began = time.perf_counter()
    with session_scope(make_engine(database_url(settings))) as session:
        persona = session.scalars(select(PersonaRow).where(PersonaRow.slug == slug)).one()
        outcome = assembly.assemble(
            session,
            persona,
            cutoff=datetime.fromisoformat(cutoff),
            store_url=settings.store_url,
            # No text of a journal comes near the limit, so nothing is tokenised.
            limits=Limits(_MAX_TOKENS, lambda _, completion: len(completion)),
            at=datetime.fromisoformat(cutoff),
        )
        rows = 0 if isinstance(outcome, assembly.Skipped) else outcome.row_count
    seconds = time.perf_counter() - began
    figures = {"rows": rows, "seconds": seconds, "imported_mib": imported, "peak_mib": _peak_mib()}
    print(json.dumps(figures | {"steps": dict(took) | {"the rest": seconds - sum(took.values())}}))
    return 0


def _timed(step: Callable[_Takes, _Gives], name: str, took: _Seconds) -> Callable[_Takes, _Gives]:
    def timed(*arguments: _Takes.args, **named: _Takes.kwargs) -> _Gives:
        began = time.perf_counter()
        try:
            return step(*arguments, **named)
        finally:
            took[name] += time.perf_counter() - began

    return timed


def _timed_stream(
    step: Callable[_Takes, Iterator[_Gives]], name: str, took: _Seconds
) -> Callable[_Takes, Iterator[_Gives]]:
    def timed(*arguments: _Takes.args, **named: _Takes.kwargs) -> Iterator[_Gives]:
        items = step(*arguments, **named)
        advance = _timed(lambda: next(items, None), name, took)
        while (item := advance()) is not None:
            yield item

    return timed


def _peak_mib() -> float:
    """The most this process held since it began; `getrusage` would count what its parent held, too."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


if __name__ == "__main__":
    sys.exit(main())
