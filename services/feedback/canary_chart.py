"""What the ratings said of a canary, look after look, as SVG: the difference to the champion and its band.

A pure function of values. Above the zero line the canary is rated higher; the dashed line is as much worse as
it may be.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from services import drawing
from services.drawing import Scale

_LEFT, _RIGHT, _TOP, _PLOT, _FOOT = 56.0, 20.0, 16.0, 130.0, 34.0


@dataclass(frozen=True, slots=True)
class Look:
    """`low` and `high` are None as long as too few conversations were rated."""

    conversations: int
    difference: float
    low: float | None
    high: float | None


def canary_chart(looks: Sequence[Look], *, margin: float, title: str, said: str, width: int = 720) -> str:
    """SVG text, `width` pixels wide; `said` is what somebody hears who does not see it."""
    banded = [(one, one.low, one.high) for one in looks if one.low is not None and one.high is not None]
    height = _TOP + _PLOT + _FOOT
    drawn = (
        list(_drawn(banded, margin, width))
        if banded
        else [
            drawing.words((width / 2, height / 2), "too few ratings for a band yet", "soft", anchor="middle")
        ]
    )
    return drawing.sheet(drawn, width=width, height=height, title=title, description=said)


def _drawn(banded: Sequence[tuple[Look, float, float]], margin: float, width: float) -> Iterator[str]:
    lows, highs = [low for _, low, _ in banded], [high for *_, high in banded]
    ticks = drawing.round_ticks(min(-margin, *lows), max(0.0, *highs), most=6)
    y = Scale(ticks[0], ticks[-1], _TOP + _PLOT, _TOP)
    for tick, word in zip(ticks, drawing.tick_words(ticks), strict=True):
        yield drawing.straight((_LEFT, y(tick)), (width - _RIGHT, y(tick)), "grid")
        yield drawing.words((_LEFT - 8, y(tick) + 4), word, "soft", anchor="end")
    yield drawing.straight((_LEFT, y(0)), (width - _RIGHT, y(0)), "axis")
    yield drawing.straight((_LEFT, y(-margin)), (width - _RIGHT, y(-margin)), "bound")
    x = Scale(0, len(banded) - 1, _LEFT + 16, width - _RIGHT - 16)
    for number, (look, low, high) in enumerate(banded):
        yield drawing.curve([(x(number), y(low)), (x(number), y(high))], "second")
        yield drawing.circle((x(number), y(look.difference)), 4, "dot second")
    ends = {0: "start", len(banded) - 1: "end"} if len(banded) > 1 else {0: "middle"}
    for number, anchor in ends.items():
        told = f"{banded[number][0].conversations:,} conversations"
        yield drawing.words((x(number), y.start + 20), told, "soft", anchor=anchor)
