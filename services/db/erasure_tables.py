"""The table of erasures: who asked for one, when, and what was found and done; no word of the rater."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Identity, text
from sqlalchemy.orm import Mapped, mapped_column

from services.db.base import Base, JsonObject


class ErasureRow(Base):
    """One erasure, a step after another: begun, rows and marks (`redacted_at`), files (`finished_at`)."""

    __tablename__ = "erasures"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    rater_id: Mapped[UUID] = mapped_column(ForeignKey("raters.id"), unique=True)
    actor: Mapped[str]
    reason: Mapped[str]
    begun_at: Mapped[datetime]
    redacted_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    found: Mapped[JsonObject] = mapped_column(server_default=text("'{}'"))  # counts, and ids by persona
    files: Mapped[list[str]] = mapped_column(
        server_default=text("'[]'")
    )  # below ADAPTER_STORE, to be deleted
