"""What people said behind the rows of a training set: looked up by the sources that the rows name."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

KINDS = ("rating", "correction", "comparison", "seed")

_SAID = text("""
    SELECT 'rating' AS kind, id, rater_id, created_at AS at, stars, thumb, reasons, '' AS choice
    FROM ratings WHERE id = ANY(CAST(:rating AS bigint[])) AND tombstone IS NULL
    UNION ALL
    SELECT 'correction', id, rater_id, created_at, NULL, NULL, '[]', ''
    FROM corrections WHERE id = ANY(CAST(:correction AS bigint[])) AND tombstone IS NULL
    UNION ALL
    SELECT 'comparison', id, rater_id, created_at, NULL, NULL, '[]', choice
    FROM comparisons WHERE id = ANY(CAST(:comparison AS bigint[])) AND tombstone IS NULL
    UNION ALL
    SELECT 'seed', id, NULL, imported_at, NULL, NULL, '[]', ''
    FROM seed_examples WHERE id = ANY(CAST(:seed AS bigint[]))
    ORDER BY at, kind, id
""")


@dataclass(frozen=True, slots=True)
class Saying:
    """One source, such as "rating:12", without its texts; an imported example has no rater."""

    source: str
    kind: str
    rater: UUID | None
    at: datetime
    stars: int | None
    thumb: str | None
    reasons: tuple[str, ...]
    choice: str


def sayings(session: Session, sources: Collection[str]) -> dict[str, Saying]:
    """By source, oldest first; what an erased rater said is not among them."""
    ids: defaultdict[str, list[int]] = defaultdict(list)
    for source in sources:
        kind, _, number = source.partition(":")
        ids[kind].append(int(number))
    rows = session.execute(_SAID, {kind: ids[kind] for kind in KINDS})
    found = [
        Saying(
            f"{row.kind}:{row.id}",
            row.kind,
            row.rater_id,
            row.at,
            row.stars,
            row.thumb,
            tuple(row.reasons),
            row.choice,
        )
        for row in rows
    ]
    return {one.source: one for one in found}
