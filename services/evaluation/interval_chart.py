"""The checks of a decision as SVG: what was measured with its interval, and the line that had to be passed.

A pure function of values. A verdict has a shape beside its colour: a dot passes, a ring cannot tell, a cross
fails. Values of different units, or of very different size, stand in panels with axes of their own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from services import drawing
from services.domain.checks import Verdict
from services.drawing import Scale

_TONES = {Verdict.PASS: "first", Verdict.INSUFFICIENT: "second", Verdict.FAIL: "fourth"}
_WORDS = {Verdict.PASS: "passes", Verdict.INSUFFICIENT: "cannot tell", Verdict.FAIL: "fails"}
_PASSED = "had to be passed"
_LEGEND, _HEAD, _ROW, _AXIS = 34.0, 34.0, 46.0, 40.0
_SIDE = 20.0
_LETTER = 6.6  # pixels of a letter, about


@dataclass(frozen=True, slots=True)
class Interval:
    """One check; `value` is None where nothing was measured, `low` or `high` where there is no such bound.

    `panel` is what stands above the axis that it shares with others.
    """

    panel: str
    label: str
    verdict: Verdict
    value: float | None
    low: float | None
    high: float | None
    line: float

    @property
    def sentence(self) -> str:
        """What somebody hears who does not see the drawing."""
        said = f"{self.label} {_WORDS[self.verdict]}"
        if self.value is None:
            return f"{said}: not measured."
        between = "" if self.low is None or self.high is None else f", from {self.low:.3f} to {self.high:.3f}"
        return f"{said}: {self.value:.3f}{between}; the line is {self.line:.3f}."


def interval_chart(intervals: Sequence[Interval], *, title: str, width: int = 720) -> str:
    """SVG text, `width` pixels wide; intervals of one panel stand beside each other."""
    parts = list(_legend(width))
    top = _LEGEND if _legend_fits(width) else 2 * _LEGEND - 10
    for panel, found in groupby(intervals, key=lambda one: one.panel):
        rows = list(found)
        parts += _panel(panel, rows, top, width)
        top += _HEAD + _ROW * len(rows) + _AXIS
    said = " ".join(one.sentence for one in intervals)
    return drawing.sheet(parts, width=width, height=top, title=title, description=said)


def _legend(width: float) -> Iterator[str]:
    place = _SIDE + 6
    for verdict, word in _WORDS.items():
        yield _mark((place, 18), verdict)
        yield drawing.words((place + 11, 22), word, "soft")
        place += 11 + _LETTER * len(word) + 20
    place, below = (place, 0) if _legend_fits(width) else (_SIDE + 6, _LEGEND - 10)
    yield drawing.straight((place, 10 + below), (place, 26 + below), "bound")
    yield drawing.words((place + 11, 22 + below), _PASSED, "soft")


def _legend_fits(width: float) -> bool:
    """Whether all of it stands on one line."""
    words = [*_WORDS.values(), _PASSED]
    return sum(31 + _LETTER * len(word) for word in words) < width - 2 * _SIDE


def _panel(panel: str, rows: list[Interval], top: float, width: float) -> Iterator[str]:
    yield drawing.words((_SIDE, top + 20), _shortened(panel, width), "head")
    values = [one for row in rows for one in (row.value, row.low, row.high, row.line) if one is not None] + [
        0.0
    ]
    ticks = drawing.round_ticks(min(values), max(values), most=6 if width > 500 else 4)
    x = Scale(ticks[0], ticks[-1], _SIDE + 6, width - _SIDE - 6)
    above, below = top + _HEAD, top + _HEAD + _ROW * len(rows)
    for tick, word in zip(ticks, drawing.tick_words(ticks), strict=True):
        yield drawing.straight((x(tick), above), (x(tick), below), "axis" if tick == 0 else "grid")
        yield drawing.words((x(tick), below + 18), word, "soft", anchor="middle")
    for number, row in enumerate(rows):
        yield from _row(row, x, above + number * _ROW, width)


def _row(row: Interval, x: Scale, top: float, width: float) -> Iterator[str]:
    tone, middle = _TONES[row.verdict], top + 31
    yield drawing.words((_SIDE, top + 16), _shortened(row.label, width), "over")
    yield drawing.straight((x(row.line), middle - 10), (x(row.line), middle + 10), "bound")
    if row.value is None:
        yield drawing.words((x.start, middle + 4), "not measured", "soft")
        return
    if row.low is not None or row.high is not None:
        low = x.start if row.low is None else x(row.low)
        high = x.end if row.high is None else x(row.high)
        yield drawing.curve([(low, middle), (high, middle)], tone)
        yield from (
            drawing.curve([(x(end), middle - 5), (x(end), middle + 5)], tone)
            for end in (row.low, row.high)
            if end is not None
        )
    yield _mark((x(row.value), middle), row.verdict)


def _mark(at: drawing.Point, verdict: Verdict) -> str:
    tone = _TONES[verdict]
    match verdict:
        case Verdict.PASS:
            return drawing.circle(at, 6, f"dot {tone}")
        case Verdict.INSUFFICIENT:
            return drawing.circle(at, 5.5, f"ring hollow {tone}")
        case Verdict.FAIL:
            return drawing.cross(at, tone)


def _shortened(text: str, width: float) -> str:
    most = int((width - 2 * _SIDE) / _LETTER)
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"
