"""Lines of 80 columns for people: sections, fields, sentences, moments. What is told is its callers'."""

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

WIDTH = 80  # characters
GAP = "  "
_NAMES = 44  # characters that names of fields may take


def section(title: str) -> Iterator[str]:
    if title:
        yield ""
        yield title


def tally(title: str, counts: Mapping[str, object]) -> Iterator[str]:
    """A section of fields; nothing where there are none."""
    if counts:
        yield from section(title)
        yield from fields(counts)


def fields(values: Mapping[str, object]) -> Iterator[str]:
    """A name and a value a line; a long value goes on below itself."""
    width = min(max(map(len, values)), _NAMES)
    for name, value in values.items():
        start = f"{GAP}{name.replace('_', ' '):<{width}}{GAP}"
        yield from _folded(str(value), first=start, others=" " * len(start))


def sentences(said: Iterable[str]) -> Iterator[str]:
    for sentence in said:
        yield from wrapped(sentence, indent=GAP)


def wrapped(sentence: str, *, indent: str) -> list[str]:
    """One point of a list."""
    return _folded(sentence, first=f"{indent}- ", others=f"{indent}  ")


def moment(iso: str) -> str:
    """`2026-11-20 02:00 UTC`."""
    return f"{datetime.fromisoformat(iso).astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def instant(iso: str) -> str:
    """As `moment`, to the second: `2026-11-20 02:00:09 UTC`."""
    return f"{datetime.fromisoformat(iso).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _folded(text: str, *, first: str, others: str) -> list[str]:
    lines = textwrap.wrap(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=others,
        break_on_hyphens=False,  # the name of a run, or an instant, is one word
    )
    return lines or [first.rstrip()]
