"""What is live for a persona, now or at an instant that is over: the champion, and the canary beside it.

One statement reads the two newest rows of the ledger: as any row ends a canary and none begins on another,
an open one stands on the row of its champion.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session, contains_eager

from services.adapters.promotions import Serving, version_by_number
from services.adapters.store import AdapterName
from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import AdapterVersionRow, PromotionRow
from services.domain.feedback import RaterId
from services.domain.personas import PersonaSlug
from services.domain.promotions import BASE_VERSION, PromotionKind, goes_to_canary
from services.errors.lookups import NotYetThere


@dataclass(frozen=True, slots=True)
class Placed:
    """A version and the row of the ledger that put it where it is; `share` is that of conversations.

    Nobody put the plain base in its place before the first promotion: it has no row then.
    """

    version_id: int
    version: int
    name: str
    share: float
    promotion_id: int | None = None
    kind: PromotionKind | None = None
    since: datetime | None = None
    decision_id: int | None = None
    actor: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class LiveAt:
    """Who answered a persona at an instant; without a canary the champion has all conversations."""

    persona: PersonaSlug
    at: datetime
    champion: Placed
    canary: Placed | None


@dataclass(frozen=True, slots=True)
class Drawn:
    """Who answers a conversation, and with which probability it was drawn; alone, with certainty.

    `promotion_id` is the open canary's, whichever of the two answers.
    """

    serving: Serving
    promotion_id: int | None = None
    propensity: float = 1.0


def live_at(session: Session, persona: PersonaRow, at: datetime) -> LiveAt:
    """What was live at an instant, by the times that the ledger's rows carry.

    Raises NotYetThere before the persona was.
    """
    if at < persona.created_at:
        raise NotYetThere(persona.slug, persona.created_at)
    champion, canary = _live(session, persona, _newest(session, persona, by=at))
    return LiveAt(PersonaSlug(persona.slug), at, as_it_began(session, persona, champion), canary)


def as_it_began(session: Session, persona: PersonaRow, champion: Placed) -> Placed:
    """The champion with the row that put it in its place: a canary that ended beside it wrote a later one."""
    if champion.promotion_id is None:
        return champion
    of_champions = (PromotionRow.persona_id == persona.id, PromotionRow.kind != PromotionKind.CANARY)
    before = session.scalar(
        select(func.max(PromotionRow.id)).where(
            *of_champions,
            PromotionRow.id < champion.promotion_id,
            PromotionRow.adapter_version_id != champion.version_id,
        )
    )
    if before is None and champion.version == BASE_VERSION:
        return Placed(champion.version_id, champion.version, champion.name, champion.share)
    began = select(PromotionRow).where(*of_champions, PromotionRow.id > (before or 0))
    return _placed(session.scalars(began.order_by(PromotionRow.id).limit(1)).one(), champion.share)


def live_now(session: Session, persona: PersonaRow) -> tuple[Placed, Placed | None]:
    """Champion and open canary, by the order of the ledger's rows alone."""
    return _live(session, persona, _newest(session, persona))


def who_answers(session: Session, persona: PersonaRow, *, rater: RaterId, conversation: UUID) -> Drawn:
    """Whom a conversation is answered by now: the same for all of its turns, as long as a canary is open."""
    champion, canary = live_now(session, persona)
    if canary is None or canary.promotion_id is None:
        return Drawn(_serving(champion))
    chosen = goes_to_canary(rater, conversation, canary.promotion_id, share=canary.share)
    placed = canary if chosen else champion
    return Drawn(_serving(placed), canary.promotion_id, placed.share)


def _serving(placed: Placed) -> Serving:
    return Serving(placed.version_id, placed.version, AdapterName(placed.name))


def _newest(session: Session, persona: PersonaRow, *, by: datetime | None = None) -> Sequence[PromotionRow]:
    statement = (
        select(PromotionRow)
        .join(PromotionRow.version)
        .options(contains_eager(PromotionRow.version))
        .where(PromotionRow.persona_id == persona.id)
        .order_by(PromotionRow.id.desc())
        .limit(2)
    )
    return session.scalars(statement if by is None else statement.where(PromotionRow.at <= by)).all()


def _live(
    session: Session, persona: PersonaRow, newest: Sequence[PromotionRow]
) -> tuple[Placed, Placed | None]:
    canary = newest[0] if newest and newest[0].kind == PromotionKind.CANARY else None
    before = newest[1:] if canary else newest
    share = canary.share if canary and canary.share else 0.0
    if before:
        champion = _placed(before[0], 1 - share)
    else:
        base: AdapterVersionRow = version_by_number(session, persona, BASE_VERSION)
        champion = Placed(base.id, base.number, base.name, 1 - share)
    return champion, _placed(canary, share) if canary else None


def _placed(row: PromotionRow, share: float) -> Placed:
    return Placed(
        version_id=row.adapter_version_id,
        version=row.version.number,
        name=row.version.name,
        share=share,
        promotion_id=row.id,
        kind=PromotionKind(row.kind),
        since=row.at,
        decision_id=row.decision_id,
        actor=row.actor,
        reason=row.reason,
    )
