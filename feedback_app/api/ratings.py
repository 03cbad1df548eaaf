"""Ratings of an answer by whom it was given to: stars or a thumb. The newest counts, all are kept."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field
from sqlalchemy.orm import Session

from feedback_app.api.calls import Call
from feedback_app.api.fields import Acting, Body, Shown, Whole
from feedback_app.api.operations import listing, saying
from feedback_app.api.pages import Page, Place
from services.db.feedback_tables import RatingRow
from services.domain.feedback import STARS, AnswerId, Reason, Thumb
from services.domain.scopes import Scope
from services.feedback import journals, rating
from services.feedback.queries import answer_page

Stars = Annotated[int, Field(ge=STARS[0], le=STARS[-1]), Whole]


class Rated(Body):
    """`rating` is one to five stars, or a thumb in their place."""

    rating: Stars | Thumb
    reasons: Annotated[list[Reason], Field(default_factory=list, max_length=len(Reason))]


class RatingShown(Shown):
    id: int
    answer_id: UUID
    rating: Stars | Thumb
    reasons: list[Reason]
    created_at: datetime
    taken_back_at: datetime | None


@saying("/answers/<uuid:answer_id>/ratings", body=Rated, shows=RatingShown)
def rate(session: Session, call: Call, rated: Rated, submission: UUID, answer_id: UUID) -> RatingShown:
    """Rate an answer; said again, the newest counts."""
    given = rating.rate(
        session,
        answer_id=AnswerId(answer_id),
        rater=call.rater,
        stars=rated.rating,
        reasons=rated.reasons,
        submission=submission,
        at=call.at,
    )
    return _shown((session.get_one(RatingRow, given.id), None))


@listing("/answers/<uuid:answer_id>/ratings", scope=Scope.FEEDBACK, shows=Page[RatingShown], headers=Acting)
def list_ratings(session: Session, call: Call, place: Place, answer_id: UUID) -> Page[RatingShown]:
    """How an end user rated an answer, the newest first."""
    answer = answer_page(session, answer_id=AnswerId(answer_id), rater=call.rater).id
    after = int(place.after) if place.after else None
    rows = journals.ratings(session, answer_id=answer, rater=call.rater, limit=place.wanted, after=after)
    return place.page(rows, _shown, named=lambda one: one[0].id)


def _shown(one: journals.Kept[RatingRow]) -> RatingShown:
    row, taken_back_at = one
    return RatingShown(
        id=row.id,
        answer_id=row.answer_id,
        rating=Thumb(row.thumb) if row.thumb else row.stars or STARS[0],
        reasons=[Reason(reason) for reason in row.reasons],
        created_at=row.created_at,
        taken_back_at=taken_back_at,
    )
