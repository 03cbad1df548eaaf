"""Deciding on single things that were said: agree, overrule, ban their rater, take an earlier one back.

What a decision changes is what later training sets learn; nothing that was said is touched.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import or_, select, text
from sqlalchemy.orm import Session

from services.db.feedback_tables import ComparisonRow, CorrectionRow, RaterReviewRow, RatingRow
from services.db.review_tables import FeedbackReviewRow
from services.domain.feedback import AnswerId, RaterId
from services.domain.reviews import ReviewVerdict, Source
from services.domain.single_line import check_line
from services.errors.lookups import UnknownSource
from services.errors.people import ErasedMeanwhile, OwnWords
from services.feedback.review_locks import Reviewer, hold

REASON_LIMIT = 500  # characters
_JOURNALS: dict[str, type[RatingRow] | type[CorrectionRow]] = {
    "rating": RatingRow,
    "correction": CorrectionRow,
}
# Of who said it and who asked for the answers it is about; their erasures wait from here on.
_ERASED = text("""
    SELECT erased_at IS NOT NULL FROM raters
    WHERE id = :said_by OR id IN (
        SELECT c.rater_id FROM answers a
        JOIN questions q ON q.id = a.question_id JOIN conversations c ON c.id = q.conversation_id
        WHERE a.id = ANY(:answers)
    )
    FOR KEY SHARE
""")
_WHERE_DECIDED = "decided in the review queue, review {}"  # its own goes with who asked as well


@dataclass(frozen=True, slots=True)
class Decision:
    """`submission` is the form's: sent twice it is decided once. A reason may be empty."""

    source: Source
    verdict: ReviewVerdict
    reason: str
    submission: UUID


def decide(
    session: Session,
    answer_id: AnswerId,
    decision: Decision,
    *,
    reviewer: Reviewer,
    rater: RaterId,
    at: datetime,
) -> FeedbackReviewRow | None:
    """The new row, None for a form that was decided before; `rater` is whom the reviewer rates as.

    Raises ReviewNotHeld, UnknownSource, OwnWords, ErasedMeanwhile, TextTooLong, ForbiddenCharacter.
    """
    hold(session, answer_id, reviewer, at=at)
    known = select(FeedbackReviewRow.id).where(FeedbackReviewRow.submission == decision.submission)
    if session.scalar(known) is not None:
        return None
    answers, said_by = _said(session, answer_id, decision.source)
    if said_by == rater:
        raise OwnWords
    # An erasure empties the reasons that are there, and none comes after it.
    if any(session.scalars(_ERASED, {"said_by": said_by, "answers": answers})):
        raise ErasedMeanwhile
    reason = check_line("reason", decision.reason, limit=REASON_LIMIT) if decision.reason.strip() else ""
    row = FeedbackReviewRow(
        answer_id=answers[0],
        rater_id=said_by,
        verdict=decision.verdict,
        reason=reason,
        actor=reviewer.actor,
        submission=decision.submission,
        at=at,
        **{f"{decision.source.kind}_id": decision.source.id},
    )
    session.add(row)
    session.flush()  # the id is what the audit log names, and the decision about the rater
    _tell_of_rater(session, row)
    return row


def _said(session: Session, answer_id: AnswerId, source: Source) -> tuple[list[UUID], UUID]:
    """The answers it was said of, a comparison's left one first, and who said it. Raises UnknownSource."""
    found: Sequence[UUID] | None
    match source.kind:
        case "comparison":
            found = session.execute(
                select(
                    ComparisonRow.left_answer_id, ComparisonRow.right_answer_id, ComparisonRow.rater_id
                ).where(
                    ComparisonRow.id == source.id,
                    or_(
                        ComparisonRow.left_answer_id == answer_id, ComparisonRow.right_answer_id == answer_id
                    ),
                    ComparisonRow.tombstone.is_(None),
                )
            ).one_or_none()
        case _:
            journal = _JOURNALS[source.kind]
            found = session.execute(
                select(journal.answer_id, journal.rater_id).where(
                    journal.id == source.id, journal.answer_id == answer_id, journal.tombstone.is_(None)
                )
            ).one_or_none()
    if found is None:
        raise UnknownSource(source.kind, source.id)
    *answers, said_by = found
    return answers, said_by


def _tell_of_rater(session: Session, decided: FeedbackReviewRow) -> None:
    """A ban, and the end of one, is a decision about the rater in everything they say."""
    verdicts = {ReviewVerdict.BANNED: "excluded", ReviewVerdict.RESTORED: "trusted"}
    verdict = verdicts.get(ReviewVerdict(decided.verdict))
    newest = session.scalar(
        select(RaterReviewRow.verdict)
        .where(RaterReviewRow.rater_id == decided.rater_id)
        .order_by(RaterReviewRow.id.desc())
        .limit(1)
    )
    if verdict is None or (verdict == "trusted" and newest != "excluded"):
        return
    session.add(
        RaterReviewRow(
            rater_id=decided.rater_id,
            verdict=verdict,
            reason=_WHERE_DECIDED.format(decided.id),
            actor=decided.actor,
            at=decided.at,
        )
    )
