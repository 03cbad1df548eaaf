"""Comments on an answer by whom it was given to: for people to read, never for training."""

from uuid import UUID

from sqlalchemy.orm import Session

from feedback_app.api.calls import Call
from feedback_app.api.fields import Acting, Body, CommentText, TextShown
from feedback_app.api.operations import listing, saying
from feedback_app.api.pages import Page, Place
from services.db.feedback_tables import CommentRow
from services.domain.feedback import AnswerId
from services.domain.scopes import Scope
from services.feedback import journals, recording
from services.feedback.queries import answer_page


class Commented(Body):
    text: CommentText


class CommentShown(TextShown):
    pass


@saying("/answers/<uuid:answer_id>/comments", body=Commented, shows=CommentShown)
def comment(
    session: Session, call: Call, commented: Commented, submission: UUID, answer_id: UUID
) -> CommentShown:
    """Comment on an answer; given again, the newest is shown to people."""
    comment_id = recording.comment(
        session,
        answer_id=AnswerId(answer_id),
        rater=call.rater,
        text=commented.text,
        submission=submission,
        at=call.at,
    )
    return CommentShown.of((session.get_one(CommentRow, comment_id), None))


@listing("/answers/<uuid:answer_id>/comments", scope=Scope.FEEDBACK, shows=Page[CommentShown], headers=Acting)
def list_comments(session: Session, call: Call, place: Place, answer_id: UUID) -> Page[CommentShown]:
    """How an end user commented on an answer, the newest first."""
    answer = answer_page(session, answer_id=AnswerId(answer_id), rater=call.rater).id
    after = int(place.after) if place.after else None
    rows = journals.comments(session, answer_id=answer, rater=call.rater, limit=place.wanted, after=after)
    return place.page(rows, CommentShown.of, named=lambda one: one[0].id)
