"""What it takes to tell where the gate could not: how many items more, and how long they take to come in."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from services.domain.checks import Check, Verdict


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Items that came in lately: how many there are of (metric, slice), and within how many days."""

    counts: Mapping[tuple[str, str], int]
    days: float


@dataclass(frozen=True, slots=True)
class Outlook:
    """The check that will take longest: `more_items` of `metric` on `slice`.

    `per_day` come in at the present rate, None where there is no earlier night to tell it from; `days` is
    None where that is never.
    """

    metric: str
    slice: str
    more_items: int
    per_day: float | None
    days: float | None

    def __str__(self) -> str:
        needed = f"about {self.more_items:,} more items of {self.metric} would tell"
        if self.per_day is None:
            return f"{needed}; there is no earlier night to tell from how fast they come in."
        if self.days is None:
            return f"{needed}, and none came in lately: bring questions in, or train another candidate."
        return f"{needed}; at {self.per_day:.1f} a day, as of late, that takes {math.ceil(self.days):,} days."


def outlook(checks: Iterable[Check], arrivals: Arrivals | None) -> Outlook | None:
    """Of the checks that cannot tell, what the slowest needs; None where no check is short of items.

    `arrivals` is None where no earlier night is known.
    """
    waits = [_wait(check, arrivals) for check in checks if check.verdict is Verdict.INSUFFICIENT]
    needed = [wait for wait in waits if wait is not None]
    return max(needed, key=_slowness, default=None)


def _wait(check: Check, arrivals: Arrivals | None) -> Outlook | None:
    if check.more_items is None:
        return None
    if arrivals is None:
        return Outlook(check.metric, check.slice, check.more_items, None, None)
    per_day = arrivals.counts.get((check.metric, check.slice), 0) / arrivals.days
    days = check.more_items / per_day if per_day else None
    return Outlook(check.metric, check.slice, check.more_items, per_day, days)


def _slowness(wait: Outlook) -> tuple[bool, float, int]:
    never = wait.per_day is not None and wait.days is None
    return never, wait.days or 0.0, wait.more_items
