"""Reading what a rater said of an answer, as the journals have it: the newest first, what was changed too.

Pages show what counts now, which is `queries`.
"""

from datetime import datetime
from typing import TypeVar

from sqlalchemy import Select, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from services.db.feedback_tables import CommentRow, ComparisonRow, CorrectionRow, RatingRow
from services.db.retraction_tables import RetractionRow
from services.domain.feedback import AnswerId, RaterId
from services.errors.lookups import UnknownSource

Journal = TypeVar("Journal", RatingRow, CorrectionRow, CommentRow)
Row = TypeVar("Row", RatingRow, CorrectionRow, CommentRow, ComparisonRow)
Kept = tuple[Row, datetime | None]  # and from when on it does not count, where it was taken back


def ratings(
    session: Session, *, answer_id: AnswerId, rater: RaterId, limit: int, after: int | None = None
) -> list[Kept[RatingRow]]:
    """From the one after `after` on, where that is given."""
    chosen = _newest(RatingRow, RetractionRow.rating_id, answer_id, rater, after).limit(limit)
    return [(row, taken_back_at) for row, taken_back_at in session.execute(chosen)]


def corrections(
    session: Session, *, answer_id: AnswerId, rater: RaterId, limit: int, after: int | None = None
) -> list[Kept[CorrectionRow]]:
    """From the one after `after` on, where that is given."""
    chosen = _newest(CorrectionRow, RetractionRow.correction_id, answer_id, rater, after).limit(limit)
    return [(row, taken_back_at) for row, taken_back_at in session.execute(chosen)]


def comments(
    session: Session, *, answer_id: AnswerId, rater: RaterId, limit: int, after: int | None = None
) -> list[Kept[CommentRow]]:
    """From the one after `after` on, where that is given."""
    chosen = _newest(CommentRow, RetractionRow.comment_id, answer_id, rater, after).limit(limit)
    return [(row, taken_back_at) for row, taken_back_at in session.execute(chosen)]


def comparisons(
    session: Session, *, rater: RaterId, limit: int, after: int | None = None
) -> list[Kept[ComparisonRow]]:
    """Of every answer; from the one after `after` on, where that is given."""
    chosen = _compared(rater).order_by(ComparisonRow.id.desc()).limit(limit)
    rows = session.execute(chosen if after is None else chosen.where(ComparisonRow.id < after))
    return [(row, taken_back_at) for row, taken_back_at in rows]


def comparison(session: Session, comparison_id: int, *, rater: RaterId) -> Kept[ComparisonRow]:
    """UnknownSource also for one of somebody else."""
    found = session.execute(_compared(rater).where(ComparisonRow.id == comparison_id)).one_or_none()
    if found is None:
        raise UnknownSource("comparison", comparison_id)
    return found[0], found[1]


def _compared(rater: RaterId) -> Select[ComparisonRow, datetime | None]:
    return (
        select(ComparisonRow, RetractionRow.at)
        .outerjoin(RetractionRow, RetractionRow.comparison_id == ComparisonRow.id)
        .where(ComparisonRow.rater_id == rater, ComparisonRow.tombstone.is_(None))
    )


def _newest(
    journal: type[Journal],
    taken_back: InstrumentedAttribute[int | None],
    answer_id: AnswerId,
    rater: RaterId,
    after: int | None,
) -> Select[Journal, datetime | None]:
    chosen = (
        select(journal, RetractionRow.at)
        .outerjoin(RetractionRow, taken_back == journal.id)
        .where(journal.answer_id == answer_id, journal.rater_id == rater, journal.tombstone.is_(None))
        .order_by(journal.id.desc())
    )
    return chosen if after is None else chosen.where(journal.id < after)
