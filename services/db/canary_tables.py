"""Tables of how a version comes to serve beside its decision: who approved it, and what its canary showed.

Both are append-only. The ledger itself, canaries among its rows, is with the lineage.
"""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index
from sqlalchemy.orm import Mapped, mapped_column

from services.db.base import Base, JsonObject


class ApprovalRow(Base):
    """Somebody's word that the candidate of a decision may serve, where its policy asks for one."""

    __tablename__ = "approvals"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    decision_id: Mapped[int] = mapped_column(ForeignKey("gate_decisions.id"), unique=True)
    actor: Mapped[str]
    reason: Mapped[str]
    at: Mapped[datetime]

    __table_args__ = (CheckConstraint("reason <> ''", name="reason_given"),)


class CanaryLookRow(Base):
    """What the ratings of an open canary said, each time that they said something new."""

    __tablename__ = "canary_looks"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    promotion_id: Mapped[int] = mapped_column(ForeignKey("promotions.id"))
    verdict: Mapped[str]
    numbers: Mapped[JsonObject]
    sentence: Mapped[str]
    at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("verdict IN ('keep', 'full', 'rollback')", name="verdict_known"),
        Index("canary_looks_newest_ix", "promotion_id", "id"),
    )
