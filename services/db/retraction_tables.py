"""Table of what raters took back right after they had said it: an undo is a row, the journals keep theirs."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity
from sqlalchemy.orm import Mapped, mapped_column

from services.db.base import Base


class RetractionRow(Base):
    """Journal: from `at` on that one row of another journal does not count, and what was said before does.

    `answer_id` is what it was said of; of a comparison, the answer that stood left.
    """

    __tablename__ = "retractions"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    answer_id: Mapped[UUID] = mapped_column(ForeignKey("answers.id"))
    rater_id: Mapped[UUID] = mapped_column(ForeignKey("raters.id"), index=True)
    rating_id: Mapped[int | None] = mapped_column(ForeignKey("ratings.id"), unique=True)
    correction_id: Mapped[int | None] = mapped_column(ForeignKey("corrections.id"), unique=True)
    comment_id: Mapped[int | None] = mapped_column(ForeignKey("comments.id"), unique=True)
    comparison_id: Mapped[int | None] = mapped_column(ForeignKey("comparisons.id"), unique=True)
    at: Mapped[datetime] = mapped_column(index=True)

    __table_args__ = (
        CheckConstraint(
            "num_nonnulls(rating_id, correction_id, comment_id, comparison_id) = 1", name="of_one"
        ),
    )
