"""What a rater chose of what they were offered, read for those who decide about raters."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from services.db.comparing_tables import ComparisonOfferRow
from services.domain.consistency import Consistency, JudgedOffer, Share, consistency_of
from services.domain.feedback import Choice


def consistency_of_rater(session: Session, rater: UUID) -> Consistency:
    """Over every persona; of a rater who was never offered two answers all shares are of nothing."""
    return consistency_of_raters(session, [rater])[rater]


def consistency_of_raters(session: Session, raters: Collection[UUID]) -> dict[UUID, Consistency]:
    """Of each of these, as `consistency_of_rater` has it, in one statement."""
    before = aliased(ComparisonOfferRow)
    rows = session.execute(
        select(
            ComparisonOfferRow.rater_id,
            ComparisonOfferRow.choice,
            ComparisonOfferRow.expected,
            before.choice.label("before"),
        )
        .outerjoin(before, before.id == ComparisonOfferRow.repeats_id)
        .where(ComparisonOfferRow.rater_id.in_(raters), ComparisonOfferRow.choice.is_not(None))
    )
    judged: dict[UUID, list[JudgedOffer]] = {rater: [] for rater in raters}
    for row in rows:
        expected, before_it = (Choice(one) if one else None for one in (row.expected, row.before))
        judged[row.rater_id].append(JudgedOffer(Choice(row.choice), expected, before_it))
    return {rater: consistency_of(offers) for rater, offers in judged.items()}


def as_record(found: Consistency) -> dict[str, Any]:
    """As JSON has it, and the command line shows it: each share with its 95 % interval."""
    shares = {"the_same_again": found.repeats, "known_found": found.known, "chose_left": found.left}
    return {"compared": found.judged} | {name: _in_figures(share) for name, share in shares.items()}


def _in_figures(share: Share) -> dict[str, Any]:
    low, high = share.interval
    return {"hits": share.hits, "of": share.of, "low": round(low, 3), "high": round(high, 3)}
