"""What a sweep found as SVG: the loss on answers kept out against the values of one key, the best marked.

A pure function of values. Where several keys take values, the first is the axis and each combination of the
others a line of its own. A combination without a loss is a cross at the top.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from services import drawing
from services.drawing import Scale
from services.training.grid import Axis

_LEFT, _RIGHT, _TOP, _PLOT, _BOTTOM, _ROW = 56.0, 28.0, 66.0, 220.0, 62.0, 19.0
_LONGEST = 16  # characters of a value under the axis


@dataclass(frozen=True, slots=True)
class Tried:
    """One combination, value by key, and its loss; None or NaN where there is none."""

    values: Mapping[str, str]
    loss: float | None

    @property
    def scored(self) -> bool:
        return self.loss is not None and math.isfinite(self.loss)


def sweep_chart(axes: Sequence[Axis], tried: Sequence[Tried], *, title: str, width: int = 720) -> str:
    """SVG text; `axes` are the keys that take more than one value, at least one."""
    first, *others = axes
    lines = _lines(first, others, tried)
    top = _TOP + _ROW * (len(lines) if others else 0)
    losses = [one.loss or 0.0 for one in tried if one.scored]
    heights = drawing.round_ticks(min(losses, default=0.0), max(losses, default=1.0), most=6)
    # Places of values, not values: those of a sweep are seldom evenly apart.
    x = Scale(0, max(len(first.values) - 1, 1), _LEFT + 48, width - _RIGHT - 48)
    y = Scale(heights[0], heights[-1], top + _PLOT, top)
    best = min((one for one in tried if one.scored), key=lambda one: one.loss or 0.0, default=None)
    parts = [
        drawing.words((_LEFT, 22), title, "head"),
        drawing.words((_LEFT, 42), "loss a token on answers kept out; less is better", "soft"),
        *_legend(list(lines) if others else []),
        *_axes(first, x, y, heights if losses else (), width),
    ]
    for number, line in enumerate(lines.values()):
        parts += _line(line, x, y, drawing.TONES[number % len(drawing.TONES)])
    if best is not None:
        parts += _best(best, first, x, y)
    return drawing.sheet(
        parts, width=width, height=top + _PLOT + _BOTTOM, title=title, description=_said(tried, best)
    )


def _lines(first: Axis, others: Sequence[Axis], tried: Sequence[Tried]) -> dict[str, list[tuple[int, Tried]]]:
    """By the values of the other keys: where along the axis each combination lies."""
    lines: dict[str, list[tuple[int, Tried]]] = {}
    for one in tried:
        name = " ".join(f"{axis.key}={one.values[axis.key]}" for axis in others)
        lines.setdefault(name, []).append((first.values.index(one.values[first.key]), one))
    return lines


def _legend(names: Sequence[str]) -> Iterator[str]:
    for number, name in enumerate(names):
        y = 62 + number * _ROW
        tone = drawing.TONES[number % len(drawing.TONES)]
        yield drawing.curve([(_LEFT, y - 4), (_LEFT + 18, y - 4)], tone)
        yield drawing.words((_LEFT + 24, y), name, "soft")


def _axes(first: Axis, x: Scale, y: Scale, heights: tuple[float, ...], width: float) -> Iterator[str]:
    for height, word in zip(heights, drawing.tick_words(heights), strict=True):
        yield drawing.straight((_LEFT, y(height)), (width - _RIGHT, y(height)), "grid")
        yield drawing.words((_LEFT - 8, y(height) + 4), word, "soft", anchor="end")
    yield drawing.straight((_LEFT, y.start), (width - _RIGHT, y.start), "axis")
    for place, value in enumerate(first.values):
        word = value if len(value) <= _LONGEST else f"{value[: _LONGEST - 1]}…"
        yield drawing.straight((x(place), y.start), (x(place), y.start + 5), "axis")
        yield drawing.words((x(place), y.start + 20), word, anchor="middle")
    yield drawing.words(((_LEFT + width - _RIGHT) / 2, y.start + 44), first.key, "soft", anchor="middle")


def _line(line: Sequence[tuple[int, Tried]], x: Scale, y: Scale, tone: str) -> Iterator[str]:
    points = [(x(place), y(one.loss or 0.0)) for place, one in line if one.scored]
    if len(points) > 1:
        yield drawing.curve(points, tone)
    yield from (drawing.circle(point, 5, f"dot {tone}") for point in points)
    yield from (drawing.cross((x(place), y.end + 8), tone) for place, one in line if not one.scored)


def _best(best: Tried, first: Axis, x: Scale, y: Scale) -> Iterator[str]:
    at = (x(first.values.index(best.values[first.key])), y(best.loss or 0.0))
    yield drawing.circle(at, 9, "ring second")
    below = at[1] + 26 if at[1] < y.start - 34 else at[1] - 16
    yield drawing.words((at[0], below), f"best {best.loss:.4f}", "over", anchor="middle")


def _said(tried: Sequence[Tried], best: Tried | None) -> str:
    def named(one: Tried) -> str:
        return " ".join(f"{key}={value}" for key, value in one.values.items())

    each = "; ".join(f"{named(one)}: {f'{one.loss:.4f}' if one.scored else 'no loss'}" for one in tried)
    return f"{each}. " + (f"The best is {named(best)}." if best else "None has a loss.")
