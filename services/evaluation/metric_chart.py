"""A persona's versions by their metrics as SVG: a panel for each metric, its versions in their order.

A pure function of values. A full dot is a version that served everyone at some time, a ring one that did not.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from services import drawing
from services.drawing import Scale

_LEFT, _RIGHT, _HEAD, _PLOT, _FOOT = 56.0, 20.0, 34.0, 92.0, 30.0
_MOST_DOTS = 120  # beyond, a line says as much


@dataclass(frozen=True, slots=True)
class Point:
    version: int
    value: float
    served: bool


@dataclass(frozen=True, slots=True)
class MetricCourse:
    """One metric over the versions that have it, in their order; there is at least one."""

    title: str
    points: Sequence[Point]

    @property
    def sentence(self) -> str:
        """What somebody hears who does not see the drawing."""
        first, last = self.points[0], self.points[-1]
        best = f"{self.title}: {first.value:.3f} of v{first.version}"
        return f"{best}, {last.value:.3f} of v{last.version}." if len(self.points) > 1 else f"{best}."


def metric_chart(courses: Sequence[MetricCourse], *, title: str, width: int = 720) -> str:
    """SVG text, `width` pixels wide."""
    row = _HEAD + _PLOT + _FOOT
    parts = [part for number, one in enumerate(courses) for part in _panel(one, number * row, width)]
    if not courses:
        parts = [drawing.words((_LEFT, _HEAD), "no version was evaluated yet", "soft")]
    said = " ".join(one.sentence for one in courses)
    height = row * max(len(courses), 1)
    return drawing.sheet(parts, width=width, height=height, title=title, description=said)


def _panel(course: MetricCourse, top: float, width: float) -> Iterator[str]:
    yield drawing.words((_LEFT, top + 20), course.title, "head")
    versions = [point.version for point in course.points]
    values = [point.value for point in course.points]
    heights = drawing.round_ticks(min(values), max(values), most=4)
    x = Scale(min(versions), max(versions), _LEFT + 12, width - _RIGHT)
    y = Scale(heights[0], heights[-1], top + _HEAD + _PLOT, top + _HEAD)
    for height, word in zip(heights, drawing.tick_words(heights), strict=True):
        yield drawing.straight((_LEFT, y(height)), (width - _RIGHT, y(height)), "grid")
        yield drawing.words((_LEFT - 8, y(height) + 4), word, "soft", anchor="end")
    ticks = drawing.round_ticks(x.low, x.high, most=int(width // 80), whole=True)
    for tick in ticks:
        if x.low <= tick <= x.high:
            yield drawing.words((x(tick), y.start + 18), f"v{tick:.0f}", "soft", anchor="middle")
    yield drawing.curve([(x(point.version), y(point.value)) for point in course.points], "first")
    if len(course.points) <= _MOST_DOTS:
        for point in course.points:
            kind = "dot first" if point.served else "ring first hollow"
            yield drawing.circle((x(point.version), y(point.value)), 4, kind)
