"""Reading what a rater said of an answer, as the journals have it: the newest first, what was changed too.

Pages show what counts now, which is `queries`.
"""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.db.feedback_tables import ComparisonRow, CorrectionRow, RatingRow
from services.domain.feedback import AnswerId, RaterId
from services.errors.lookups import UnknownSource


def ratings(
    session: Session, *, answer_id: AnswerId, rater: RaterId, limit: int, after: int | None = None
) -> Sequence[RatingRow]:
    """From the one after `after` on, where that is given."""
    chosen = (
        select(RatingRow)
        .filter_by(answer_id=answer_id, rater_id=rater, tombstone=None)
        .order_by(RatingRow.id.desc())
        .limit(limit)
    )
    return session.scalars(chosen if after is None else chosen.where(RatingRow.id < after)).all()


def corrections(
    session: Session, *, answer_id: AnswerId, rater: RaterId, limit: int, after: int | None = None
) -> Sequence[CorrectionRow]:
    """From the one after `after` on, where that is given."""
    chosen = (
        select(CorrectionRow)
        .filter_by(answer_id=answer_id, rater_id=rater, tombstone=None)
        .order_by(CorrectionRow.id.desc())
        .limit(limit)
    )
    return session.scalars(chosen if after is None else chosen.where(CorrectionRow.id < after)).all()


def comparisons(
    session: Session, *, rater: RaterId, limit: int, after: int | None = None
) -> Sequence[ComparisonRow]:
    """Of every answer; from the one after `after` on, where that is given."""
    chosen = (
        select(ComparisonRow)
        .filter_by(rater_id=rater, tombstone=None)
        .order_by(ComparisonRow.id.desc())
        .limit(limit)
    )
    return session.scalars(chosen if after is None else chosen.where(ComparisonRow.id < after)).all()


def comparison(session: Session, comparison_id: int, *, rater: RaterId) -> ComparisonRow:
    """UnknownSource also for one of somebody else."""
    row = session.get(ComparisonRow, comparison_id)
    if row is None or row.rater_id != rater or row.tombstone is not None:
        raise UnknownSource("comparison", comparison_id)
    return row
