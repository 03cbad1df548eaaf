"""Deciding about raters whom the statistics point at: trusted or excluded, by a person, with a reason."""

from typing import Any
from uuid import UUID

from services.db.feedback_tables import RaterReviewRow, RaterRow
from services.db.session import session_scope
from services.domain.single_line import check_line
from services.errors.lookups import UnknownRater
from services.errors.people import ErasedMeanwhile
from services.feedback.consistency import as_record, consistency_of_rater
from services.jobs.installation import Installation, now, open_installation

REASON_LIMIT = 500  # characters


def review(rater: str, verdict: str, reason: str, actor: str) -> dict[str, Any]:
    """Write down a person's decision; from then on it counts before the statistics.

    Raises UnknownRater, ErasedMeanwhile, EmptyText, TextTooLong.
    """
    with open_installation() as installation:
        return review_with(installation, rater, verdict, reason, actor)


def review_with(
    installation: Installation, rater: str, verdict: str, reason: str, actor: str
) -> dict[str, Any]:
    """As `review`, in a given installation."""
    with session_scope(installation.engine) as session:
        # An erasure empties the reasons that are there, and none comes after it.
        held = {"read": True, "key_share": True}
        found = session.get(RaterRow, parse_rater(rater), with_for_update=held)
        if found is None:
            raise UnknownRater(rater)
        if found.erased_at is not None:
            raise ErasedMeanwhile
        row = RaterReviewRow(
            rater_id=found.id,
            verdict=verdict,
            reason=check_line("reason", reason, limit=REASON_LIMIT),
            actor=actor,
            at=now(),
        )
        session.add(row)
        session.flush()  # the id is what the caller shows
        return {"review": row.id, "rater": rater, "verdict": verdict}


def consistency(rater: str) -> dict[str, Any]:
    """How steadily a rater compares: evidence for `review`. Raises UnknownRater."""
    with open_installation() as installation, session_scope(installation.engine) as session:
        if session.get(RaterRow, parse_rater(rater)) is None:
            raise UnknownRater(rater)
        return as_record(consistency_of_rater(session, parse_rater(rater)))


def parse_rater(rater: str) -> UUID:
    try:
        return UUID(rater)
    except ValueError as error:
        raise UnknownRater(rater) from error
