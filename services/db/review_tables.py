"""Tables of reviewing feedback: what was decided of something said, and who is looking at an answer."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity
from sqlalchemy.orm import Mapped, mapped_column

from services.db.base import Base
from services.domain.reviews import ReviewVerdict

_VERDICTS = ", ".join(f"'{verdict}'" for verdict in ReviewVerdict)


class FeedbackReviewRow(Base):
    """Journal: what a person decided of one row of another journal; the newest counts.

    `answer_id` is of the answer it was said of, a comparison's left one; `rater_id` said it.
    """

    __tablename__ = "feedback_reviews"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    answer_id: Mapped[UUID] = mapped_column(ForeignKey("answers.id"), index=True)
    rater_id: Mapped[UUID] = mapped_column(ForeignKey("raters.id"), index=True)
    rating_id: Mapped[int | None] = mapped_column(ForeignKey("ratings.id"), index=True)
    correction_id: Mapped[int | None] = mapped_column(ForeignKey("corrections.id"), index=True)
    comparison_id: Mapped[int | None] = mapped_column(ForeignKey("comparisons.id"), index=True)
    verdict: Mapped[str]
    reason: Mapped[str]
    actor: Mapped[str]
    submission: Mapped[UUID] = mapped_column(unique=True)
    at: Mapped[datetime] = mapped_column(index=True)

    __table_args__ = (
        CheckConstraint(f"verdict IN ({_VERDICTS})", name="verdict_known"),
        CheckConstraint("num_nonnulls(rating_id, correction_id, comparison_id) = 1", name="of_one"),
    )


class ReviewLockRow(Base):
    """Who looks at an answer's feedback: nobody else decides until they are done or the time is up."""

    __tablename__ = "review_locks"

    answer_id: Mapped[UUID] = mapped_column(ForeignKey("answers.id"), primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    actor: Mapped[str]
    taken_at: Mapped[datetime]
    expires_at: Mapped[datetime]
