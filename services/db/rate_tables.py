"""How often somebody did something, and what they wait for: shared by all processes of the web app."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from services.db.base import Base


class RateCounterRow(Base):
    """Unlogged: not worth a write to the log, and after a crash everybody begins at nothing."""

    __tablename__ = "rate_counters"

    key: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int]
    ends_at: Mapped[datetime] = mapped_column(index=True)

    __table_args__ = {"prefixes": ["UNLOGGED"]}  # noqa: RUF012  (SQLAlchemy reads it as it stands)


class AskUnderWayRow(Base):
    """A question that waits for a model: the row goes with the wait, or counts until `ends_at` where its
    process was killed.
    """

    __tablename__ = "asks_under_way"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    rater_id: Mapped[UUID] = mapped_column(index=True)
    ends_at: Mapped[datetime] = mapped_column(index=True)

    __table_args__ = {"prefixes": ["UNLOGGED"]}  # noqa: RUF012  (SQLAlchemy reads it as it stands)
