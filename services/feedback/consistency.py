"""What a rater chose of what they were offered, read for those who decide about raters."""

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from services.db.comparing_tables import ComparisonOfferRow
from services.domain.consistency import Consistency, JudgedOffer, Share, consistency_of
from services.domain.feedback import Choice


def consistency_of_rater(session: Session, rater: UUID) -> Consistency:
    """Over every persona; of a rater who was never offered two answers all shares are of nothing."""
    before = aliased(ComparisonOfferRow)
    rows = session.execute(
        select(
            ComparisonOfferRow.choice,
            ComparisonOfferRow.expected,
            before.choice.label("before"),
        )
        .outerjoin(before, before.id == ComparisonOfferRow.repeats_id)
        .where(ComparisonOfferRow.rater_id == rater, ComparisonOfferRow.choice.is_not(None))
    )
    return consistency_of(
        JudgedOffer(
            Choice(row.choice),
            Choice(row.expected) if row.expected else None,
            Choice(row.before) if row.before else None,
        )
        for row in rows
    )


def as_record(found: Consistency) -> dict[str, Any]:
    """As JSON has it, and the command line shows it: each share with its 95 % interval."""
    shares = {"the_same_again": found.repeats, "known_found": found.known, "chose_left": found.left}
    return {"compared": found.judged} | {name: _in_figures(share) for name, share in shares.items()}


def _in_figures(share: Share) -> dict[str, Any]:
    low, high = share.interval
    return {"hits": share.hits, "of": share.of, "low": round(low, 3), "high": round(high, 3)}
