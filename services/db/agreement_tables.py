"""Table of which raters agreed to what is kept of them, and when."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Identity, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from services.db.base import Base


class AgreementRow(Base):
    """Journal: a rater read this version of the wording and agreed."""

    __tablename__ = "agreements"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    rater_id: Mapped[UUID] = mapped_column(ForeignKey("raters.id"))
    wording: Mapped[int]
    agreed_at: Mapped[datetime]

    __table_args__ = (UniqueConstraint("rater_id", "wording"),)
