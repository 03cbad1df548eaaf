"""Who calls the API: clients, the end users each of them names, and the requests it sent under a key.

Of a client's token the database knows the SHA-256 alone, as of everything that people are given to keep.
"""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, Identity
from sqlalchemy.orm import Mapped, mapped_column

from services.db.base import Base


class ClientRow(Base):
    """A chat of somebody else's; its token can be exchanged for another, its end users stay."""

    __tablename__ = "clients"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    scopes: Mapped[list[str]]
    token_digest: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class EndUserRow(Base):
    """The rater whom a client names by an id of its own; two clients that name one id name two raters."""

    __tablename__ = "end_users"

    client_id: Mapped[int] = mapped_column(ForeignKey("clients.id"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    # With a rater who never said anything, and is forgotten, goes what the client called them.
    rater_id: Mapped[UUID] = mapped_column(ForeignKey("raters.id", ondelete="CASCADE"), unique=True)


class KeyedRequestRow(Base):
    """A request under a key of its client's choice, and what it was answered; null until it was."""

    __tablename__ = "keyed_requests"

    client_id: Mapped[int] = mapped_column(ForeignKey("clients.id"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    rater_id: Mapped[UUID] = mapped_column(ForeignKey("raters.id", ondelete="CASCADE"), index=True)
    digest: Mapped[str]  # SHA-256 of what was asked for
    submission: Mapped[UUID] = mapped_column(default=uuid4)  # under which the journals count it once
    answer: Mapped[str | None]  # JSON, as it was sent
    created_at: Mapped[datetime] = mapped_column(index=True)
