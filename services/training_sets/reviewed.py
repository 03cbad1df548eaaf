"""What reviewers decided of single things that were said, up to an instant: the newest word counts.

Of whole raters it is `reconciling`'s.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlalchemy import text
from sqlalchemy.orm import Session

from services.db.feedback_tables import PersonaRow
from services.domain.consensus import Integers, Mask
from services.domain.examples import DropReason
from services.domain.reviews import ReviewVerdict

# A ban is of the rater: what was decided of what they said before it holds again once the ban ends.
_NEWEST = text("""
SELECT kind, said, verdict FROM (
    SELECT v.*, CASE WHEN rating_id IS NOT NULL THEN 'rating' WHEN correction_id IS NOT NULL THEN 'correction'
                ELSE 'comparison' END AS kind,
           coalesce(rating_id, correction_id, comparison_id) AS said,
           row_number() OVER (
               PARTITION BY rating_id, correction_id, comparison_id ORDER BY v.id DESC
           ) AS newest
    FROM feedback_reviews v
    JOIN answers a ON a.id = v.answer_id
    JOIN questions q ON q.id = a.question_id
    JOIN conversations c ON c.id = q.conversation_id AND c.persona_id = :persona
    WHERE v.at <= :cutoff AND v.verdict <> 'banned'
) decided
WHERE newest = 1 AND verdict IN ('agreed', 'overruled')
ORDER BY kind, said
""")


@dataclass(frozen=True, slots=True)
class Reviewed:
    """Sources such as "rating:12": what does not count, and what counts although its rater is under review
    or said enough that day.
    """

    overruled: frozenset[str] = frozenset()
    agreed: frozenset[str] = frozenset()

    def overruled_ratings(self, rating: Integers) -> Mask:
        """Which of these ids of ratings do not count, (ratings,)."""
        return _among(rating, self.overruled)

    def agreed_ratings(self, rating: Integers) -> Mask:
        """Which of these ids of ratings count whatever held them back, (ratings,)."""
        return _among(rating, self.agreed)


@dataclass(frozen=True, slots=True)
class Against:
    """`excluded` are indexes of raters whose word does not count, `decided` of those a person said so of;
    `words` is what reviewers decided of single ones.
    """

    excluded: Mapping[int, DropReason]
    decided: Collection[int]
    words: Reviewed

    def reason(self, source: str, rater: int) -> DropReason | None:
        """Why a source of this rater's does not count, the daily limit aside."""
        if source in self.words.overruled:
            return DropReason.OVERRULED
        return None if self.lifted(source, rater) else self.excluded.get(rater)

    def lifted(self, source: str, rater: int) -> bool:
        """Whether it counts whatever limits and statistics say; who was excluded by a person stays so."""
        return source in self.words.agreed and rater not in self.decided


def read_reviewed(session: Session, persona: PersonaRow, *, cutoff: datetime) -> Reviewed:
    """What was decided by the cutoff of what was said of a persona."""
    found: dict[str, set[str]] = {ReviewVerdict.OVERRULED: set(), ReviewVerdict.AGREED: set()}
    for row in session.execute(_NEWEST, {"persona": persona.id, "cutoff": cutoff}):
        found[row.verdict].add(f"{row.kind}:{row.said}")
    return Reviewed(frozenset(found[ReviewVerdict.OVERRULED]), frozenset(found[ReviewVerdict.AGREED]))


def _among(rating: Integers, sources: frozenset[str]) -> Mask:
    ids = [int(number) for kind, _, number in (one.partition(":") for one in sources) if kind == "rating"]
    return np.isin(rating, ids) if ids else np.zeros(rating.size, dtype=bool)
