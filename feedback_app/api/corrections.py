"""Better texts for an answer, by whom it was given to. The newest counts, the journal keeps all."""

from uuid import UUID

from sqlalchemy.orm import Session

from feedback_app.api.calls import Call
from feedback_app.api.fields import Acting, BetterText, Body, TextShown
from feedback_app.api.operations import listing, saying
from feedback_app.api.pages import Page, Place
from services.db.feedback_tables import CorrectionRow
from services.domain.feedback import AnswerId
from services.domain.scopes import Scope
from services.feedback import journals, recording
from services.feedback.queries import answer_page


class Corrected(Body):
    """`text` is the whole better answer, in its persona's format."""

    text: BetterText


class CorrectionShown(TextShown):
    pass


@saying("/answers/<uuid:answer_id>/corrections", body=Corrected, shows=CorrectionShown)
def correct(
    session: Session, call: Call, corrected: Corrected, submission: UUID, answer_id: UUID
) -> CorrectionShown:
    """Give a better answer; given again, the newest counts."""
    correction_id = recording.correct(
        session,
        answer_id=AnswerId(answer_id),
        rater=call.rater,
        text=corrected.text,
        submission=submission,
        at=call.at,
    )
    return CorrectionShown.of((session.get_one(CorrectionRow, correction_id), None))


@listing(
    "/answers/<uuid:answer_id>/corrections", scope=Scope.FEEDBACK, shows=Page[CorrectionShown], headers=Acting
)
def list_corrections(session: Session, call: Call, place: Place, answer_id: UUID) -> Page[CorrectionShown]:
    """How an end user corrected an answer, the newest first."""
    answer = answer_page(session, answer_id=AnswerId(answer_id), rater=call.rater).id
    after = int(place.after) if place.after else None
    rows = journals.corrections(session, answer_id=answer, rater=call.rater, limit=place.wanted, after=after)
    return place.page(rows, CorrectionShown.of, named=lambda one: one[0].id)
