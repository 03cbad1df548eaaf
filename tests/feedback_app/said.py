"""What raters said of answers, as the journals hold it."""

from sqlalchemy import Engine, select

from services.db.feedback_tables import CommentRow, CorrectionRow, CurrentRatingRow, RatingRow
from services.db.session import session_scope


def ratings(engine: Engine) -> tuple[list[int], list[int]]:
    """Stars of the journal, oldest first, and of the current ratings."""
    with session_scope(engine) as session:
        journal = session.scalars(select(RatingRow.stars).order_by(RatingRow.id)).all()
        current = session.scalars(
            select(RatingRow.stars).join(CurrentRatingRow, CurrentRatingRow.rating_id == RatingRow.id)
        ).all()
    return list(journal), list(current)


def texts(engine: Engine, table: type[CorrectionRow | CommentRow]) -> list[str]:
    with session_scope(engine) as session:
        return list(session.scalars(select(table.text).order_by(table.id)))
