"""What people were alerted of: one row an occurrence, and by which channels they heard of it."""

from datetime import datetime

from sqlalchemy import Identity, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from services.db.base import Base


class AlertRow(Base):
    __tablename__ = "alerts"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    kind: Mapped[str]
    subject: Mapped[str]
    sentence: Mapped[str]
    opened_at: Mapped[datetime]
    over_at: Mapped[datetime | None]
    told_open: Mapped[list[str]] = mapped_column(server_default=text("'[]'"))  # channels
    told_over: Mapped[list[str]] = mapped_column(server_default=text("'[]'"))

    __table_args__ = (
        Index("alerts_open_uq", "kind", "subject", unique=True, postgresql_where=text("over_at IS NULL")),
    )
