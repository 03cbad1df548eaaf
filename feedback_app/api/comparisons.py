"""Choices between two answers to one question, by whom both were given to."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from feedback_app.api.calls import Call
from feedback_app.api.fields import Acting, Body, Shown
from feedback_app.api.operations import reading, saying
from services.db.feedback_tables import ComparisonRow
from services.domain.feedback import AnswerId, Choice
from services.domain.scopes import Scope
from services.feedback import recording, said


class Compared(Body):
    """`left` and `right` are answers to one question, as they stood beside each other."""

    left: UUID
    right: UUID
    choice: Choice


class ComparisonShown(Shown):
    id: int
    left: UUID
    right: UUID
    choice: Choice
    created_at: datetime


@saying("/comparisons", body=Compared, shows=ComparisonShown)
def compare(session: Session, call: Call, compared: Compared, submission: UUID) -> ComparisonShown:
    """Choose between two answers to one question, which were asked for one after the other."""
    comparison_id = recording.compare(
        session,
        left=AnswerId(compared.left),
        right=AnswerId(compared.right),
        rater=call.rater,
        choice=compared.choice,
        submission=submission,
        at=call.at,
    )
    return _shown(session.get_one(ComparisonRow, comparison_id))


@reading(
    "/comparisons/<int(max=9223372036854775807):number>",
    scope=Scope.FEEDBACK,
    shows=ComparisonShown,
    headers=Acting,
)
def get_comparison(session: Session, call: Call, number: int) -> ComparisonShown:
    """One choice of an end user."""
    return _shown(said.comparison(session, number, rater=call.rater))


def _shown(row: ComparisonRow) -> ComparisonShown:
    return ComparisonShown(
        id=row.id,
        left=row.left_answer_id,
        right=row.right_answer_id,
        choice=Choice(row.choice),
        created_at=row.created_at,
    )
