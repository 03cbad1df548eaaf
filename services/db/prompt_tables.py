"""Tables of what is known of a prompt: its split, what it is like, and whether it still judges."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from services.db.base import Base


class PromptSplitRow(Base):
    """Drawn once when a prompt is first seen; never recomputed, never updated."""

    __tablename__ = "prompt_splits"

    persona_id: Mapped[int] = mapped_column(ForeignKey("personas.id"), primary_key=True)
    split_key: Mapped[str] = mapped_column(primary_key=True)
    split: Mapped[str]
    assigned_at: Mapped[datetime]

    __table_args__ = (CheckConstraint("split IN ('train', 'holdout')", name="split_known"),)


class PromptSignatureRow(Base):
    """What a prompt is like: its cluster of near duplicates and the split that the cluster has."""

    __tablename__ = "prompt_signatures"

    persona_id: Mapped[int] = mapped_column(ForeignKey("personas.id"), primary_key=True)
    split_key: Mapped[str] = mapped_column(primary_key=True)
    cluster: Mapped[str]  # the split key of the cluster's first prompt
    split: Mapped[str]
    version: Mapped[str]  # of the signature: those of different versions are not compared
    bands: Mapped[bytes]
    words: Mapped[bytes]
    assigned_at: Mapped[datetime]

    __table_args__ = (CheckConstraint("split IN ('train', 'holdout', 'quarantine')", name="split_known"),)


class PromptRetirementRow(Base):
    """A held-out prompt that judges no more, and is never learnt from either."""

    __tablename__ = "prompt_retirements"

    persona_id: Mapped[int] = mapped_column(ForeignKey("personas.id"), primary_key=True)
    split_key: Mapped[str] = mapped_column(primary_key=True)
    reason: Mapped[str]
    at: Mapped[datetime]
