"""Choices between two answers to one question, by whom both were given to.

Which two stand beside each other, and on which side, is the client's: offers are of the app's own page alone
(`comparing`).
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from feedback_app.api.calls import Call
from feedback_app.api.fields import Acting, Body, Shown
from feedback_app.api.operations import listing, reading, saying
from feedback_app.api.pages import Page, Place
from services.db.feedback_tables import ComparisonRow
from services.domain.feedback import AnswerId, Choice
from services.domain.scopes import Scope
from services.feedback import journals, recording, retracting


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
    taken_back_at: datetime | None


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
    return _shown(journals.comparison(session, comparison_id, rater=call.rater))


@listing("/comparisons", scope=Scope.FEEDBACK, shows=Page[ComparisonShown], headers=Acting)
def list_comparisons(session: Session, call: Call, place: Place) -> Page[ComparisonShown]:
    """What an end user chose between two answers, the newest first."""
    after = int(place.after) if place.after else None
    rows = journals.comparisons(session, rater=call.rater, limit=place.wanted, after=after)
    return place.page(rows, _shown, named=lambda one: one[0].id)


class NothingMore(Body):
    """An object without a field."""


@saying(
    "/comparisons/<int(max=9223372036854775807):number>/retractions", body=NothingMore, shows=ComparisonShown
)
def take_choice_back(session: Session, call: Call, _: NothingMore, __: UUID, number: int) -> ComparisonShown:
    """Take back a choice between two answers within a minute."""
    retracting.retract_choice(session, comparison_id=number, rater=call.rater, at=call.at)
    return _shown(journals.comparison(session, number, rater=call.rater))


@reading(
    "/comparisons/<int(max=9223372036854775807):number>",
    scope=Scope.FEEDBACK,
    shows=ComparisonShown,
    headers=Acting,
)
def get_comparison(session: Session, call: Call, number: int) -> ComparisonShown:
    """One choice of an end user."""
    return _shown(journals.comparison(session, number, rater=call.rater))


def _shown(one: journals.Kept[ComparisonRow]) -> ComparisonShown:
    row, taken_back_at = one
    return ComparisonShown(
        id=row.id,
        left=row.left_answer_id,
        right=row.right_answer_id,
        choice=Choice(row.choice),
        created_at=row.created_at,
        taken_back_at=taken_back_at,
    )
