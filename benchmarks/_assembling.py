"""One assembly in a process of its own, as a night has it: seconds by rule, and the most memory it held.

    python -m benchmarks._assembling SLUG CUTOFF

prints one JSON object (memory as Linux tells it); the installation is the environment's. Rules are timed
from outside, by wrapping the functions that have them; what is left over holds the loop and the clock.
"""

import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from sqlalchemy import select

from services.db.feedback_tables import PersonaRow
from services.db.session import database_url, make_engine, session_scope
from services.settings import read_settings
from services.training_sets import assembly, reading, reconciling, settling
from services.training_sets.drafting import Draft
from services.training_sets.gathering import Gatherer
from services.training_sets.masking import Masking
from services.training_sets.preparing import Limits
from services.training_sets.remembering import Memory
from services.training_sets.repeating import Repeats
from services.training_sets.skipping import Skipped
from services.training_sets.taking_over import Earlier

# Each rule with the functions that have it, none of which calls another of them.
RULES: dict[str, tuple[tuple[Any, str], ...]] = {
    "is there enough new": ((assembly, "too_little_new"),),
    "near-duplicate clusters and their splits": ((assembly, "cluster_new"),),
    "hearing: each rater's newest word, as arrays": ((reading, "hear"),),
    "daily limits": ((reconciling, "within_daily_limit"),),
    "consensus": ((reconciling, "find_consensus"),),
    "flags": ((reconciling, "judge_raters"), (reading, "read_reviews"), (reading, "describe_raters")),
    "gathering: what was said of a prompt, as values": ((Gatherer, "gather"),),
    "examples: signals to rows, the best or newest": ((reading, "examples_of"),),
    "length": ((Limits, "allow"),),
    "repeats in a cluster": ((Repeats, "__init__"), (Repeats, "said_before")),
    "masking": ((Masking, "mask"),),
    "candidates and references written": ((Draft, "add_row"), (Draft, "add_reference")),
    "what is dropped, each with its reason": ((Draft, "drop"),),
    "label smoothing": ((reading, "disagreement_of"),),
    "influence and balance": ((assembly, "choose"), (settling, "choose")),
    "plan": ((assembly, "plan_night"),),
    "what stays of earlier sets": ((Earlier, "add_references"), (Earlier, "add_replay")),
    "leak report, prompts of gates": ((assembly, "find_leaks"), (assembly, "gate_prompts")),
    "what is remembered of raters": ((assembly, "recall"), (Memory, "write"), (reconciling, "remember")),
    "freezing": ((settling, "freeze"),),
    "rows that stay written": ((settling, "settle"),),  # what does not stay counts where it is dropped
}
STREAMS = {
    "texts, prompt by prompt, with their splits": (reading, "stream_prompts"),
    "what was said anew": (reading, "stream_overridden"),
}
REST = "the loop, the rest, and the clock"
_MAX_TOKENS = 4_096
_Takes = ParamSpec("_Takes")
_Gives = TypeVar("_Gives")


class Clock:
    """Seconds by rule; what one rule spends in another's function counts there alone."""

    def __init__(self) -> None:
        self.took: defaultdict[str, float] = defaultdict(float)
        self._inner = 0.0

    def on_every_rule(self) -> Iterator[tuple[Any, str, Callable[..., Any]]]:
        """What is to stand in which place under which name."""
        for rule, functions in RULES.items():
            for place, name in functions:
                yield place, name, self.timed(rule, getattr(place, name))
        for rule, (place, name) in STREAMS.items():
            yield place, name, self.timed_stream(rule, getattr(place, name))

    def timed(self, rule: str, step: Callable[_Takes, _Gives]) -> Callable[_Takes, _Gives]:
        def timed(*arguments: _Takes.args, **named: _Takes.kwargs) -> _Gives:
            before, self._inner = self._inner, 0.0
            began = time.perf_counter()
            try:
                return step(*arguments, **named)
            finally:
                spent = time.perf_counter() - began
                self.took[rule] += spent - self._inner
                self._inner = before + spent

        return timed

    def timed_stream(
        self, rule: str, step: Callable[_Takes, Iterator[_Gives]]
    ) -> Callable[_Takes, Iterator[_Gives]]:
        def timed(*arguments: _Takes.args, **named: _Takes.kwargs) -> Iterator[_Gives]:
            items = step(*arguments, **named)
            advance = self.timed(rule, lambda: next(items, None))
            while (item := advance()) is not None:
                yield item

        return timed


def main() -> int:
    slug, cutoff = sys.argv[1:]
    clock = Clock()
    for place, name, timed in clock.on_every_rule():
        setattr(place, name, timed)
    settings = read_settings()
    imported = peak_mib()
    began, before = time.perf_counter(), time.process_time()
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
        rows = 0 if isinstance(outcome, Skipped) else outcome.row_count
    seconds = time.perf_counter() - began
    figures = {
        "rows": rows,
        "seconds": seconds,
        "processor_seconds": time.process_time() - before,
        "imported_mib": imported,
        "peak_mib": peak_mib(),
    }
    rest = seconds - sum(clock.took.values())
    print(json.dumps(figures | {"rules": dict(clock.took) | {REST: rest}}))
    return 0


def peak_mib() -> float:
    """The most this process held since it began; `getrusage` would count what its parent held, too."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


if __name__ == "__main__":
    sys.exit(main())
