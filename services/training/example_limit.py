"""Which rows of a set a stage takes when the recipe takes only so many; no token is made here."""

import hashlib
from collections.abc import Sequence

from services.training.rows import Line


def at_most(lines: Sequence[Line], limit: int) -> list[Line]:
    """`limit` of the lines in their order, all of them at 0.

    The choice is by a hash of the line, so it stays much as it is when lines are added, and no end of the
    set, the newest say, is favoured.
    """
    if not 0 < limit < len(lines):
        return list(lines)
    chosen = sorted(range(len(lines)), key=lambda index: _hash(lines[index]))[:limit]
    return [lines[index] for index in sorted(chosen)]


def _hash(line: Line) -> str:
    return hashlib.sha256(repr(line).encode()).hexdigest()
