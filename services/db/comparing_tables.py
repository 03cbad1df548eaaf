"""Tables of what raters are given to compare: pairs of answers to one prompt, and what was offered to whom.

What they chose is a row of `comparisons`, but of a known pair: that choice says something of the rater alone
and stays with the offer.
"""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from services.db.base import Base, JsonObject


class AnswerPairRow(Base):
    """Two different texts that answer one prompt of a persona; `public` where no context was given with it.

    `digest` is of the prompt and both texts: texts are a pair once, however often they were answered.
    `opinions` counts the raters who judged it.
    """

    __tablename__ = "answer_pairs"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    persona_id: Mapped[int] = mapped_column(ForeignKey("personas.id"))
    one_answer_id: Mapped[UUID] = mapped_column(ForeignKey("answers.id"), index=True)
    other_answer_id: Mapped[UUID] = mapped_column(ForeignKey("answers.id"), index=True)
    digest: Mapped[str]
    public: Mapped[bool]
    of_one_version: Mapped[bool]
    opinions: Mapped[int] = mapped_column(server_default=sql("0"))

    __table_args__ = (
        UniqueConstraint("persona_id", "digest"),
        CheckConstraint("one_answer_id <> other_answer_id", name="two_answers"),
        Index(
            "answer_pairs_next_ix",
            "persona_id",
            "opinions",
            "of_one_version",
            "digest",
            postgresql_where=sql("public"),
        ),
    )


class ComparisonOfferRow(Base):
    """Two answers as they stood before a rater, who may choose between them; without an offer nobody may.

    `choice` is the first one that was not taken back, which no later one changes; `expected` the better of a
    known pair. What was chosen of a known pair stands in `said`, which is its journal, the newest last: which
    form said what and when, and when that was taken back.
    """

    __tablename__ = "comparison_offers"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    persona_id: Mapped[int] = mapped_column(ForeignKey("personas.id"))
    rater_id: Mapped[UUID] = mapped_column(ForeignKey("raters.id"))
    pair_id: Mapped[int | None] = mapped_column(
        ForeignKey("answer_pairs.id", ondelete="SET NULL"), index=True
    )
    left_answer_id: Mapped[UUID] = mapped_column(ForeignKey("answers.id"))
    right_answer_id: Mapped[UUID] = mapped_column(ForeignKey("answers.id"))
    kind: Mapped[str]
    repeats_id: Mapped[UUID | None] = mapped_column(ForeignKey("comparison_offers.id"), unique=True)
    expected: Mapped[str | None]
    offered_at: Mapped[datetime]
    choice: Mapped[str | None]
    chosen_at: Mapped[datetime | None]
    said: Mapped[list[JsonObject]] = mapped_column(server_default=sql("'[]'"))

    __table_args__ = (
        CheckConstraint("kind IN ('normal', 'repeat', 'known')", name="kind_known"),
        CheckConstraint("(kind = 'known') = (expected IS NOT NULL)", name="expected_where_known"),
        CheckConstraint("expected IN ('left', 'right')", name="expected_side"),
        CheckConstraint("(choice IS NULL) = (chosen_at IS NULL)", name="chosen_at_an_instant"),
        CheckConstraint("choice IN ('left', 'right', 'tie', 'both bad')", name="choice_known"),
        CheckConstraint("kind = 'known' OR said = '[]'", name="said_where_known"),
        CheckConstraint("left_answer_id <> right_answer_id", name="two_answers"),
        Index(None, "rater_id", "persona_id", "offered_at"),
        Index(
            "comparison_offers_once_uq",
            "rater_id",
            "pair_id",
            unique=True,
            postgresql_where=sql("kind = 'normal'"),
        ),
    )
