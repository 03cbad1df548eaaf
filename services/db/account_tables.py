"""Who may sign in: accounts, invitations to make one, and sign-ins, which can be ended from here.

What a person is given to keep (an invitation, the name of a sign-in) is stored as its SHA-256 alone, so that
who reads the database can neither accept the one nor take over the other.
"""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, func
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column, relationship

from services.db.base import Base, JsonObject
from services.domain.roles import Role

_ROLES = ", ".join(f"'{role}'" for role in Role)


class AccountRow(Base):
    __tablename__ = "accounts"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    name: Mapped[str]
    password_hash: Mapped[str]  # Argon2id, with its parameters and salt
    role: Mapped[str]
    rater_id: Mapped[UUID] = mapped_column(ForeignKey("raters.id"), unique=True)  # under whom they rate
    created_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]

    @property
    def actor(self) -> str:
        """As journals and ledgers name whoever acts under it."""
        return f"account:{self.name}"

    __table_args__ = (
        CheckConstraint(f"role IN ({_ROLES})", name="role_known"),
        Index("accounts_name_uq", func.lower(sql("name")), unique=True),
    )


class InvitationRow(Base):
    __tablename__ = "invitations"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    token_digest: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str]
    actor: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]
    account_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.id"), unique=True)  # who accepted

    __table_args__ = (CheckConstraint(f"role IN ({_ROLES})", name="role_known"),)


class SignInRow(Base):
    """One browser that knows the password, until it leaves, is sent away, or the time is up."""

    __tablename__ = "sign_ins"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    token_digest: Mapped[str] = mapped_column(unique=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    account: Mapped[AccountRow] = relationship()


class AuditEntryRow(Base):
    """Journal: every administrative act. A trigger keeps every row."""

    __tablename__ = "audit_entries"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime]
    actor: Mapped[str]
    act: Mapped[str]
    subject: Mapped[str]  # what it was done to, as people name it
    details: Mapped[JsonObject]
    link: Mapped[str] = mapped_column(server_default=sql("''"))  # of the hash chain; a trigger makes it
