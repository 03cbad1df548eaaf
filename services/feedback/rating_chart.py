"""Ratings per day as SVG: a bar for each day, also for those on which nobody rated.

A pure function of values.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from services import drawing
from services.drawing import Scale

_LEFT, _RIGHT, _TOP, _PLOT, _FOOT = 56.0, 20.0, 16.0, 96.0, 30.0


@dataclass(frozen=True, slots=True)
class RatedDay:
    day: date
    ratings: int


def in_words(days: Sequence[RatedDay]) -> str:
    """What somebody hears who does not see the drawing."""
    most = max(days, key=lambda one: one.ratings)
    together = sum(one.ratings for one in days)
    if not together:
        return f"Nobody rated in the last {len(days)} days."
    return (
        f"{together:,} ratings in {len(days)} days, {days[-1].ratings:,} of them today; "
        f"the most, {most.ratings:,}, on {_short(most.day)}."
    )


def rating_chart(days: Sequence[RatedDay], *, title: str, width: int = 720) -> str:
    """SVG text, `width` pixels wide; `days` follow one another without a gap."""
    height = _TOP + _PLOT + _FOOT
    return drawing.sheet(
        list(_drawn(days, width)), width=width, height=height, title=title, description=in_words(days)
    )


def _drawn(days: Sequence[RatedDay], width: float) -> Iterator[str]:
    heights = drawing.round_ticks(0, max(1, *(one.ratings for one in days)), most=4, whole=True)
    y = Scale(heights[0], heights[-1], _TOP + _PLOT, _TOP)
    for tick, word in zip(heights, drawing.tick_words(heights), strict=True):
        yield drawing.straight((_LEFT, y(tick)), (width - _RIGHT, y(tick)), "grid")
        yield drawing.words((_LEFT - 8, y(tick) + 4), word, "soft", anchor="end")
    step = (width - _LEFT - _RIGHT) / len(days)
    for number, one in enumerate(days):
        if one.ratings:
            place = (_LEFT + number * step + 1, y(one.ratings))
            yield drawing.bar(place, max(step - 2, 1), y.start - y(one.ratings), "first")
    for number, anchor in ((0, "start"), (len(days) - 1, "end")):
        at = (_LEFT if anchor == "start" else width - _RIGHT, y.start + 18)
        yield drawing.words(at, _short(days[number].day), "soft", anchor=anchor)


def _short(day: date) -> str:
    return f"{day.day} {day:%B}"
