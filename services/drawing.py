"""Drawings as SVG text: axes with round ticks, words, marks, and one sheet around them.

Colours follow the reader's light or dark scheme by a style sheet inside the drawing, so that a file looks as
the page does. No number that is not finite reaches an attribute. What is drawn is the callers'.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from xml.sax.saxutils import escape

STYLE = """
:root {
  --sheet: #ffffff; --ink: #23211d; --soft: #67625a; --line: #e2ddd2;
  --first: #1f6f6b; --second: #b0501c; --third: #4a5a9a; --fourth: #8f3a4a; --fifth: #6b7a2c;
  --sixth: #8a8478; --seventh: #2f86b5;
}
@media (prefers-color-scheme: dark) {
  :root {
    --sheet: #23211e; --ink: #ece8e0; --soft: #aba498; --line: #3a3733;
    --first: #6fc3bb; --second: #f0a36b; --third: #9fb0ee; --fourth: #e79aa8; --fifth: #bccb78;
    --sixth: #9c968a; --seventh: #7cc4ea;
  }
}
text {
  font: 12px -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif;
  fill: var(--ink); font-variant-numeric: tabular-nums;
}
.sheet { fill: var(--sheet); }
.soft { fill: var(--soft); }
.head { font-weight: 650; font-size: 13px; }
.over { font-weight: 600; paint-order: stroke; stroke: var(--sheet); stroke-width: 4px; }
.grid { stroke: var(--line); }
.axis { stroke: var(--soft); }
.bound { stroke: var(--ink); stroke-width: 2; stroke-dasharray: 3 2; }
.first { --own: var(--first); }
.second { --own: var(--second); }
.third { --own: var(--third); }
.fourth { --own: var(--fourth); }
.fifth { --own: var(--fifth); }
.sixth { --own: var(--sixth); }
.seventh { --own: var(--seventh); }
.curve { fill: none; stroke: var(--own); stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.dashed { stroke-dasharray: 5 4; }
.dot { fill: var(--own); stroke: var(--sheet); stroke-width: 1.5; }
.bar { fill: var(--own); }
.ring { fill: none; stroke: var(--own); stroke-width: 2; }
.hollow { fill: var(--sheet); }
.cross { stroke: var(--own); stroke-width: 2; stroke-linecap: round; }
""".strip()

TONES = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh")

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Scale:
    """Puts values from `low` to `high` between two places on the sheet; in the middle when they are equal."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        return self.start + share * (self.end - self.start)


def round_ticks(low: float, high: float, *, most: int, whole: bool = False) -> tuple[float, ...]:
    """At most `most` round values, evenly apart, the first at or below `low` and the last at or above `high`.

    `whole` keeps them whole numbers.
    """
    span = high - low or abs(high) or 1.0
    step = 10.0 ** math.floor(math.log10(span / most))
    for factor in (1, 2, 2.5, 5, 10, 20, 25, 50, 100):
        wide = step * factor
        first, last = math.floor(low / wide + 1e-9), math.ceil(high / wide - 1e-9)
        if (not whole or wide == round(wide)) and last - first < most:
            break
    last = max(last, first + 1)
    return tuple(round(number * wide, 12) for number in range(first, last + 1))


def tick_words(ticks: tuple[float, ...]) -> tuple[str, ...]:
    """Each tick with as many digits as tell it from its neighbours."""
    step = ticks[1] - ticks[0] if len(ticks) > 1 else 1.0
    digits = next((count for count in range(8) if math.isclose(step, round(step, count), rel_tol=1e-6)), 8)
    return tuple(f"{tick:,.{digits}f}" for tick in ticks)


def words(at: Point, text: str, kind: str = "", *, anchor: str = "start") -> str:
    return f'<text x="{at[0]:.1f}" y="{at[1]:.1f}"{_class(kind)} text-anchor="{anchor}">{escape(text)}</text>'


def straight(start: Point, end: Point, kind: str) -> str:
    (x1, y1), (x2, y2) = start, end
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"{_class(kind)}/>'


def curve(points: Iterable[Point], kind: str) -> str:
    return f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}"{_class(f"curve {kind}")}/>'


def circle(at: Point, radius: float, kind: str) -> str:
    return f'<circle cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="{radius:g}"{_class(kind)}/>'


def cross(at: Point, kind: str) -> str:
    """Where a value should be and is none."""
    x, y = at
    return f'<path d="M{x - 4:.1f} {y - 4:.1f}l8 8m0 -8l-8 8"{_class(f"cross {kind}")}/>'


def bar(at: Point, width: float, height: float, kind: str) -> str:
    x, y = at
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"{_class(f"bar {kind}")}/>'


def sheet(parts: Iterable[str], *, width: float, height: float, title: str, description: str) -> str:
    """The whole file; `title` and `description` are what somebody hears who does not see it."""
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
            f'height="{height:g}" role="img" aria-labelledby="title description">',
            f'<title id="title">{escape(title)}</title>',
            f'<desc id="description">{escape(description)}</desc>',
            f"<style>{STYLE}</style>",
            f'<rect class="sheet" width="{width:g}" height="{height:g}"/>',
            *parts,
            "</svg>\n",
        )
    )


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""
