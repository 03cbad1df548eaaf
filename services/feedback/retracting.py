"""Taking back what was just said: within a minute, after which what was said before counts again.

The journals keep every row; that one was taken back, and when, is a row of its own. Who thinks otherwise
later says so anew (`recording`).
"""

from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.db.feedback_tables import (
    CommentRow,
    ComparisonRow,
    CorrectionRow,
    CurrentRatingRow,
    RatingRow,
)
from services.db.retraction_tables import RetractionRow
from services.db.retractions import TAKEN_BACK, stands
from services.domain.feedback import UNDO_WITHIN, AnswerId, RaterId, Said
from services.errors.lookups import UnknownSource
from services.errors.people import TooLateToUndo
from services.feedback.erasing import hold_rater

Journal = type[RatingRow] | type[CorrectionRow] | type[CommentRow]
_JOURNALS: dict[Said, Journal] = {
    Said.RATING: RatingRow,
    Said.CORRECTION: CorrectionRow,
    Said.COMMENT: CommentRow,
}


def retract(
    session: Session, *, answer_id: AnswerId, said: Said, said_id: int, rater: RaterId, at: datetime
) -> datetime:
    """Take back one thing that this rater said of this answer; the instant from which it does not count.

    Taken back again it stays as it was. Raises UnknownSource, also for somebody else's, TooLateToUndo,
    RaterErased, NotTheAsker.
    """
    journal, column = _JOURNALS[said], TAKEN_BACK[said]
    # First the rater and then the current rating, as whoever says something locks them and an erasure does.
    hold_rater(session, rater)
    said_at = session.scalar(
        select(journal.created_at).filter_by(id=said_id, answer_id=answer_id, rater_id=rater, tombstone=None)
    )
    if said_at is None:
        raise UnknownSource(said, said_id)
    session.execute(
        select(CurrentRatingRow.rating_id).filter_by(answer_id=answer_id, rater_id=rater).with_for_update()
    )
    taken_back = session.scalar(select(RetractionRow.at).where(column == said_id))
    if taken_back is not None:
        return taken_back
    if at - said_at > UNDO_WITHIN:
        raise TooLateToUndo(said)
    values = {"answer_id": answer_id, "rater_id": rater, column.key: said_id, "at": at}
    session.execute(insert(RetractionRow).values(values).on_conflict_do_nothing())
    if said is Said.RATING:
        _point_before(session, answer_id, rater, said_id)
    return at


def retract_choice(session: Session, *, comparison_id: int, rater: RaterId, at: datetime) -> datetime:
    """Take back what this rater chose between two answers; the instant from which it does not count.

    Taken back again it stays as it was. Raises UnknownSource, also for somebody else's, TooLateToUndo,
    RaterErased, NotTheAsker.
    """
    hold_rater(session, rater)
    chosen = session.scalar(
        select(ComparisonRow).filter_by(id=comparison_id, rater_id=rater, tombstone=None).with_for_update()
    )
    if chosen is None:
        raise UnknownSource("comparison", comparison_id)
    taken_back = session.scalar(select(RetractionRow.at).filter_by(comparison_id=comparison_id))
    if taken_back is not None:
        return taken_back
    if at - chosen.created_at > UNDO_WITHIN:
        raise TooLateToUndo("choice")
    row = RetractionRow(answer_id=chosen.left_answer_id, rater_id=rater, comparison_id=chosen.id, at=at)
    session.add(row)
    session.flush()  # what stands is read by statements
    return at


def _point_before(session: Session, answer_id: AnswerId, rater: RaterId, rating_id: int) -> None:
    """If this rating was the current one, the newest of those that stand is it now, or none is."""
    before = session.scalar(
        select(func.max(RatingRow.id)).where(
            RatingRow.answer_id == answer_id, RatingRow.rater_id == rater, stands(Said.RATING, RatingRow.id)
        )
    )
    current = CurrentRatingRow.rating_id == rating_id
    if before is None:
        session.execute(delete(CurrentRatingRow).where(current))
    else:
        session.execute(update(CurrentRatingRow).where(current).values(rating_id=before))
