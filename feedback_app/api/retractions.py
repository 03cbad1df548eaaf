"""Taking back what an end user said of an answer, within a minute: what they said before it counts again."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field
from sqlalchemy.orm import Session

from feedback_app.api.calls import Call
from feedback_app.api.fields import Body, Shown, Whole
from feedback_app.api.operations import saying
from services.domain.feedback import AnswerId, Said
from services.feedback import retracting

_LARGEST_ID = 2**63 - 1


class TakenBack(Body):
    """`said` names what it was, and `id` which one."""

    said: Said
    id: Annotated[int, Field(ge=1, le=_LARGEST_ID), Whole]


class RetractionShown(Shown):
    answer_id: UUID
    said: Said
    id: int
    taken_back_at: datetime


@saying("/answers/<uuid:answer_id>/retractions", body=TakenBack, shows=RetractionShown)
def take_back(session: Session, call: Call, taken: TakenBack, _: UUID, answer_id: UUID) -> RetractionShown:
    """Take back a rating, a correction or a comment within a minute."""
    taken_back_at = retracting.retract(
        session,
        answer_id=AnswerId(answer_id),
        said=taken.said,
        said_id=taken.id,
        rater=call.rater,
        at=call.at,
    )
    return RetractionShown(answer_id=answer_id, said=taken.said, id=taken.id, taken_back_at=taken_back_at)
