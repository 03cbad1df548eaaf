"""What a training holds in memory as SVG: two bars of parts, ours and a published training's, with figures.

A pure function of values. Each bar is all of its training: a small base would not show beside a large one.
"""

from collections.abc import Iterator, Mapping, Sequence

from services import drawing
from services.training.memory_parts import Beside, beside_published, sentence, size_words

_MARGIN, _BAR, _ROW = 20.0, 20.0, 21.0
_HERE, _PUBLISHED = 92.0, 0.0  # columns, from the right
PUBLISHED = "a published Phi-3-mini training"


def memory_chart(parts: Mapping[str, int], *, title: str, width: int = 720) -> str:
    """SVG text, `width` pixels wide."""
    *rows, together = beside_published(parts)
    drawn = [
        *_bar(rows, [row.here for row in rows], f"here: {size_words(together.here)}", top=10, width=width),
        *_bar(
            rows,
            [row.published for row in rows],
            f"{PUBLISHED}: {size_words(together.published)}",
            top=64,
            width=width,
        ),
        *_figures([*rows, together], top=124, width=width),
    ]
    height = 124 + _ROW * (len(rows) + 2) + 18
    return drawing.sheet(drawn, width=width, height=height, title=title, description=sentence(parts))


def _bar(
    rows: Sequence[Beside], sizes: Sequence[int], name: str, *, top: float, width: float
) -> Iterator[str]:
    yield drawing.words((_MARGIN, top + 14), name, "head")
    whole, left = sum(sizes), _MARGIN
    for size, tone in zip(sizes, drawing.TONES[: len(rows)], strict=True):
        length = (width - 2 * _MARGIN) * size / whole if whole else 0.0
        if length:
            yield drawing.bar((left, top + 22), max(length - 1, 0.5), _BAR, tone)
        left += length


def _figures(rows: Sequence[Beside], *, top: float, width: float) -> Iterator[str]:
    right = width - _MARGIN
    for column, word in ((_HERE, "here"), (_PUBLISHED, "published")):
        yield drawing.words((right - column, top + 14), word, "soft", anchor="end")
    for number, row in enumerate(rows, start=1):
        y = top + 14 + number * _ROW + (5 if number == len(rows) else 0)
        if number < len(rows):
            yield drawing.bar((_MARGIN, y - 10), 11, 11, drawing.TONES[number - 1])
        else:
            yield drawing.straight((_MARGIN, y - 16), (right, y - 16), "axis")
        kind = "" if number < len(rows) else "head"
        yield drawing.words((_MARGIN + 20, y), row.name, kind)
        yield drawing.words((right - _HERE, y), size_words(row.here), kind, anchor="end")
        yield drawing.words((right - _PUBLISHED, y), size_words(row.published), kind or "soft", anchor="end")
