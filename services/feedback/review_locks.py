"""Who looks at an answer's feedback: one reviewer at a time, until they are done or their time is up."""

import math
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.db.review_tables import ReviewLockRow
from services.domain.feedback import AnswerId
from services.domain.reviews import LOCKED_FOR
from services.errors.people import ReviewHeld, ReviewNotHeld


@dataclass(frozen=True, slots=True)
class Reviewer:
    account: UUID
    actor: str


def take(session: Session, answer_id: AnswerId, reviewer: Reviewer, *, at: datetime) -> None:
    """From now on it is this reviewer's; of two who ask at once one gets it. Raises ReviewHeld."""
    wanted = insert(ReviewLockRow).values(
        answer_id=answer_id,
        account_id=reviewer.account,
        actor=reviewer.actor,
        taken_at=at,
        expires_at=at + LOCKED_FOR,
    )
    free = or_(ReviewLockRow.account_id == reviewer.account, ReviewLockRow.expires_at <= at)
    taken = session.scalar(
        wanted.on_conflict_do_update(
            index_elements=["answer_id"],
            set_={name: wanted.excluded[name] for name in ("account_id", "actor", "taken_at", "expires_at")},
            where=free,
        ).returning(ReviewLockRow.answer_id)
    )
    if taken is None:
        held = session.get_one(ReviewLockRow, answer_id, populate_existing=True)
        minutes = max(math.ceil((held.expires_at - at).total_seconds() / 60), 1)
        raise ReviewHeld(held.actor, minutes=minutes)


def hold(session: Session, answer_id: AnswerId, reviewer: Reviewer, *, at: datetime) -> None:
    """Renew what is this reviewer's; until the transaction ends nobody takes it. Raises ReviewNotHeld."""
    row = session.get(ReviewLockRow, answer_id, with_for_update=True, populate_existing=True)
    if row is None or row.account_id != reviewer.account or row.expires_at <= at:
        raise ReviewNotHeld
    row.expires_at = at + LOCKED_FOR


def leave(session: Session, answer_id: AnswerId, reviewer: Reviewer) -> None:
    """It is free again; nothing happens where it is not this reviewer's."""
    session.execute(
        delete(ReviewLockRow).where(
            ReviewLockRow.answer_id == answer_id, ReviewLockRow.account_id == reviewer.account
        )
    )


def held_by(session: Session, answer_id: AnswerId, *, at: datetime) -> ReviewLockRow | None:
    """Whose it is at this instant, if anybody's."""
    return session.scalar(
        select(ReviewLockRow).where(ReviewLockRow.answer_id == answer_id, ReviewLockRow.expires_at > at)
    )
