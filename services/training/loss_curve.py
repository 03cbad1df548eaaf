"""The loss of a training as SVG: a panel for each stage, because losses of two objectives do not compare.

A pure function of values. A loss that is no finite number is a cross at the top, and breaks the line.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeGuard

from services import drawing
from services.drawing import Scale

Losses = Sequence[tuple[int, float | None]]

_LEFT, _RIGHT, _TOP, _PLOT, _BOTTOM = 48.0, 20.0, 56.0, 176.0, 36.0
_DIVERGED = 1e12
_MOST_POINTS = 400  # of a line: more than pixels to show them


@dataclass(frozen=True, slots=True)
class Panel:
    """One stage: (step, loss) of what is learnt and of what is kept out; None or NaN where it diverged."""

    name: str
    learnt: Losses
    kept_out: Losses = ()

    @property
    def best(self) -> tuple[int, float] | None:
        """The checkpoint of the smallest loss on what is kept out."""
        return min(_finite(self.kept_out), key=lambda one: (one[1], one[0]), default=None)

    @property
    def sentence(self) -> str:
        """What somebody hears who does not see the drawing."""
        learnt = _finite(self.learnt)
        if not learnt:
            return f"{self.name}: no loss yet." if not self.learnt else f"{self.name}: no loss was a number."
        (first, began), (last, ended) = learnt[0], learnt[-1]
        said = f"{self.name}: loss {began:.3f} at step {first}, {ended:.3f} at step {last}"
        if self.best:
            said += f"; on answers kept out at its best {self.best[1]:.3f} at step {self.best[0]}"
        diverged = len(self.learnt) - len(learnt)
        return said + (f"; {diverged} reports without a number." if diverged else ".")


def loss_curve(panels: Sequence[Panel], *, title: str, width: int = 720) -> str:
    """SVG text, `width` pixels wide and as high as the panels need."""
    height = _TOP + _PLOT + _BOTTOM
    parts = [part for row, panel in enumerate(panels) for part in _panel(panel, row * height, width)]
    said = " ".join(panel.sentence for panel in panels)
    return drawing.sheet(
        parts, width=width, height=height * max(len(panels), 1), title=title, description=said
    )


def _panel(panel: Panel, top: float, width: float) -> Iterator[str]:
    yield drawing.words((_LEFT, top + 20), panel.name, "head")
    yield from _legend(panel, top + 41)
    values = [loss for _, loss in (*_finite(panel.learnt), *_finite(panel.kept_out))]
    steps = [step for step, _ in (*panel.learnt, *panel.kept_out)]
    if not values:
        said = "every loss was infinite or no number" if steps else "no loss reported yet"
        yield drawing.words((width / 2, top + _TOP + _PLOT / 2), said, "soft", anchor="middle")
    if not steps:
        return
    heights = drawing.round_ticks(min(values, default=0.0), max(values, default=1.0), most=6)
    x = Scale(min(steps), max(steps), _LEFT + 16, width - _RIGHT)
    y = Scale(heights[0], heights[-1], top + _TOP + _PLOT, top + _TOP)
    yield from _axes(x, y, heights if values else (), width)
    yield from _line(panel.learnt, x, y, "first", dots=False)
    yield from _line(panel.kept_out, x, y, "second", dots=True)
    yield from _best(panel, x, y)


def _legend(panel: Panel, y: float) -> Iterator[str]:
    yield drawing.curve([(_LEFT, y - 4), (_LEFT + 18, y - 4)], "first")
    yield drawing.words((_LEFT + 24, y), "what is learnt", "soft")
    if panel.kept_out:
        yield drawing.curve([(_LEFT + 122, y - 4), (_LEFT + 140, y - 4)], "second dashed")
        yield drawing.circle((_LEFT + 131, y - 4), 4, "dot second")
        yield drawing.words((_LEFT + 146, y), "answers kept out", "soft")


def _axes(x: Scale, y: Scale, heights: tuple[float, ...], width: float) -> Iterator[str]:
    for height, word in zip(heights, drawing.tick_words(heights), strict=True):
        yield drawing.straight((_LEFT, y(height)), (width - _RIGHT, y(height)), "grid")
        yield drawing.words((_LEFT - 8, y(height) + 4), word, "soft", anchor="end")
    yield drawing.straight((_LEFT, y.start), (width - _RIGHT, y.start), "axis")
    ticks = drawing.round_ticks(x.low, x.high, most=int(width // 90), whole=True)
    for tick, word in zip(ticks, drawing.tick_words(ticks), strict=True):
        if x.low <= tick <= x.high:
            yield drawing.straight((x(tick), y.start), (x(tick), y.start + 5), "axis")
            yield drawing.words((x(tick), y.start + 19), word, "soft", anchor="middle")
    yield drawing.words((_LEFT - 8, y.start + 19), "step", "soft", anchor="end")


def _line(losses: Losses, x: Scale, y: Scale, tone: str, *, dots: bool) -> Iterator[str]:
    for run in _unbroken(losses):
        points = [(x(step), y(loss)) for step, loss in _thinned(run)]
        if len(points) > 1:
            yield drawing.curve(points, f"{tone} dashed" if dots else tone)
        if dots or len(points) == 1:
            yield from (drawing.circle(point, 4, f"dot {tone}") for point in points)
    diverged = [step for step, loss in losses if not _is_finite(loss)]
    yield from (drawing.cross((x(step), y.end + 8), tone) for step in diverged[:_MOST_POINTS])


def _best(panel: Panel, x: Scale, y: Scale) -> Iterator[str]:
    if panel.best is None:
        return
    step, loss = panel.best
    at = (x(step), y(loss))
    left, right = x.start + 90 > at[0], at[0] > x.end - 90
    anchor = "start" if left else "end" if right else "middle"
    below = at[1] + 22 if at[1] < y.start - 30 else at[1] - 14
    yield drawing.circle(at, 7, "ring second")
    yield drawing.words((at[0], below), f"best {loss:.3f} at step {step}", "over", anchor=anchor)


def _unbroken(losses: Losses) -> Iterator[list[tuple[int, float]]]:
    """The stretches between losses that are no numbers."""
    run: list[tuple[int, float]] = []
    for step, loss in losses:
        if _is_finite(loss):
            run.append((step, float(loss or 0.0)))
        elif run:
            yield run
            run = []
    if run:
        yield run


def _thinned(run: list[tuple[int, float]]) -> list[tuple[float, float]]:
    """Means of neighbours, where there are more points than a line can show."""
    size = math.ceil(len(run) / _MOST_POINTS)
    groups = [run[first : first + size] for first in range(0, len(run), size)]
    return [
        (sum(step for step, _ in group) / len(group), sum(loss for _, loss in group) / len(group))
        for group in groups
    ]


def _finite(losses: Losses) -> list[tuple[int, float]]:
    return [(step, loss) for step, loss in losses if _is_finite(loss)]


def _is_finite(loss: float | None) -> TypeGuard[float]:
    """Whether it can be drawn: the span of two numbers near the largest there are is infinite."""
    return loss is not None and abs(loss) < _DIVERGED
