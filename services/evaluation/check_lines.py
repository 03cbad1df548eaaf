"""The checks of a stored decision as pages show them: in words, and drawn as intervals.

Decisions are for ever, so one of an older release may lack numbers that this one stores.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from services.domain.checks import Asked, Verdict
from services.domain.evaluation import METRICS, OVERALL
from services.evaluation.interval_chart import Interval
from services.evaluation.wording import slice_in_words, title_of, version_in_words

_LIMITS = "Measured beside a limit"
_UNITS = {"held_out_loss": "nats a token", "answer_words": "words", "semantic_similarity": "cosines"}


@dataclass(frozen=True, slots=True)
class CheckLine:
    """`title` and `of`, the slice, are for people; `against` too, empty for a limit."""

    verdict: Verdict
    asked: str
    metric: str
    title: str
    of: str
    against: str
    reason: str
    items: int | None
    required: float | None
    measured: float | None
    reference: float | None
    difference: float | None
    low: float | None
    high: float | None
    more_items: int | None

    @classmethod
    def of_record(cls, check: Mapping[str, Any]) -> Self:
        numbers = ("items", "required", "measured", "reference", "difference", "low", "high", "more_items")
        return cls(
            verdict=Verdict(check["verdict"]),
            asked=check.get("asked", Asked.LIMIT),
            metric=check["metric"],
            title=title_of(check["metric"]),
            of="" if check["slice"] == OVERALL else slice_in_words(check["slice"]),
            against=version_in_words(check.get("against")),
            reason=check["reason"],
            **{name: check.get(name) for name in numbers},
        )


def target_of(lines: Iterable[CheckLine]) -> str:
    """The metric that had to be better; empty where none had to."""
    return next((line.metric for line in lines if line.asked == Asked.BETTER), "")


def intervals(lines: Iterable[CheckLine]) -> list[Interval]:
    """What can be drawn, panel by panel: the target, what must not get worse, limits."""
    lines = list(lines)
    target = target_of(lines)
    several = len({line.against for line in lines if line.against}) > 1
    drawn = [
        Interval(
            panel=_panel(line, target),
            label=_label(line, against=several),
            verdict=line.verdict,
            value=line.measured if line.asked == Asked.LIMIT else line.difference,
            low=line.low,
            high=line.high,
            line=line.required,
        )
        for line in lines
        if line.required is not None
    ]
    panels = list(dict.fromkeys(one.panel for one in drawn))
    return sorted(drawn, key=lambda one: (one.panel.startswith(_LIMITS), panels.index(one.panel)))


def _label(line: CheckLine, *, against: bool) -> str:
    whom = f"against {line.against}" if against and line.against else ""
    return ", ".join(part for part in (line.title, line.of, whom) if part)


def _panel(line: CheckLine, target: str) -> str:
    """One for each unit, and one for the target: it may move much more than what is only to stay."""
    metric = METRICS.get(line.metric)
    is_share = metric is None or metric.is_share
    unit = "as shares of 1" if is_share else f"in {_UNITS.get(line.metric, 'its unit')}"
    if line.asked == Asked.LIMIT:
        return f"{_LIMITS}, {unit}"
    return f"{'The target: by how much better' if line.metric == target else 'By how much better'}, {unit}"
