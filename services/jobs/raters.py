"""Deciding about raters whom the statistics point at: trusted or excluded, by a person, with a reason."""

from typing import Any
from uuid import UUID

from services.db.feedback_tables import RaterReviewRow, RaterRow
from services.db.session import session_scope
from services.domain.single_line import check_line
from services.errors.lookups import UnknownRater
from services.feedback.consistency import as_record, consistency_of_rater
from services.jobs.installation import now, open_installation

REASON_LIMIT = 500  # characters


def review(rater: str, verdict: str, reason: str, actor: str) -> dict[str, Any]:
    """Write down a person's decision; from then on it counts before the statistics.

    Raises UnknownRater, EmptyText, TextTooLong.
    """
    with open_installation() as installation, session_scope(installation.engine) as session:
        if session.get(RaterRow, parse_rater(rater)) is None:
            raise UnknownRater(rater)
        row = RaterReviewRow(
            rater_id=parse_rater(rater),
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
