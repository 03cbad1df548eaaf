"""Grades from 0 to 1, however they are spelt, as stars."""

import math

from services.errors.tree import InvalidInput


def stars_of_score(score: object) -> int:
    """1 star for 0, 5 for 1, halves upwards; raises InvalidInput for anything that is no number of 0 to 1."""
    try:
        share = (
            math.nan if isinstance(score, bool) or not isinstance(score, str | int | float) else float(score)
        )
    except (ValueError, OverflowError):
        share = math.nan
    if not 0 <= share <= 1:
        raise InvalidInput(f"the score {str(score)[:40]!r} is no number from 0 to 1")
    return 1 + math.floor(4 * share + 0.5)
