"""Having enough of an answer while it is written: said by any process, read by the one that is told it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from services.db.feedback_tables import ConversationRow, QuestionRow
from services.domain.feedback import RaterId


def stop_writing(session: Session, *, submission: UUID, rater: RaterId, at: datetime) -> None:
    """The answer to what this rater asked by this form ends where it is; nothing where it has ended."""
    own = select(ConversationRow.id).where(ConversationRow.rater_id == rater)
    session.execute(
        update(QuestionRow)
        .where(QuestionRow.submission == submission, QuestionRow.conversation_id.in_(own))
        .values(stopped_at=at)
    )


def is_stopped(session: Session, *, submission: UUID, since: datetime) -> bool:
    """Whether that was said since; a form that is sent again is answered in full."""
    newest = (
        select(QuestionRow.stopped_at)
        .where(QuestionRow.submission == submission, QuestionRow.stopped_at >= since)
        .limit(1)
    )
    return session.scalar(newest) is not None
