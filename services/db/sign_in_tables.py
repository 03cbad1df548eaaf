"""Who is signed in as a curator. What curators judged and approved stands in journals of its own."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy.orm import Mapped, mapped_column

from services.db.base import Base


class CuratorSignInRow(Base):
    """A sign-in that holds: its row goes as the curator leaves, whatever copies there are of the cookie."""

    __tablename__ = "curator_sign_ins"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    name: Mapped[str]
    at: Mapped[datetime]
