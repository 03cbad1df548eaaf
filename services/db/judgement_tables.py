"""The journal of people's blind judgements between the answers of two reports."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from services.db.base import Base


class JudgementRow(Base):
    """What a judge chose on one item, not told whose answers they are. A trigger keeps every row."""

    __tablename__ = "judgements"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    candidate_report_id: Mapped[int] = mapped_column(ForeignKey("evaluation_reports.id"))
    champion_report_id: Mapped[int] = mapped_column(ForeignKey("evaluation_reports.id"))
    item_key: Mapped[str]
    judge: Mapped[str]
    choice: Mapped[str]
    at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint(
            "candidate_report_id", "champion_report_id", "item_key", "judge", name="judgements_once_uq"
        ),
        CheckConstraint("choice IN ('candidate', 'champion', 'tie', 'both bad')", name="choice_known"),
    )
