"""Canaries: begun by hand, looked at every few minutes, and promoted fully or taken back by their ratings."""

import logging
from datetime import datetime, timedelta
from typing import Any, TypedDict

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.adapters import promoting, promotions
from services.adapters.canaries import keep_look, newest_look, numbers_of, policy_of
from services.adapters.live import live_now
from services.db.canary_tables import CanaryLookRow
from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import PromotionRow
from services.db.session import session_scope
from services.domain.canaries import CanaryJudgement, CanaryPolicy, CanaryVerdict, judge_canary
from services.domain.personas import PersonaSlug
from services.domain.promotions import PromotionKind
from services.domain.single_line import check_line
from services.errors.refusals import NoCanary
from services.feedback.canary_ratings import rated_conversations
from services.jobs.fingerprints import refuse_changed_serving
from services.jobs.installation import Installation, now, open_installation
from services.jobs.promote import Moved, moved, moves_before

logger = logging.getLogger(__name__)

ACTOR = "watch_canaries"
REASON_LIMIT = 500  # characters

Record = dict[str, Any]


class Watched(TypedDict):
    """What was seen of a persona's canary; `verdict` is empty where none is open any more."""

    persona: str
    version: int | None
    verdict: str
    sentence: str


def open_canaries() -> list[str]:
    """The slugs of the personas with an open canary, in order."""
    with open_installation() as installation, session_scope(installation.engine) as session:
        newest = select(func.max(PromotionRow.id)).group_by(PromotionRow.persona_id)
        return list(
            session.scalars(
                select(PersonaRow.slug)
                .join(PromotionRow, PromotionRow.persona_id == PersonaRow.id)
                .where(PromotionRow.id.in_(newest), PromotionRow.kind == PromotionKind.CANARY)
                .order_by(PersonaRow.slug)
            )
        )


def watch(persona: str) -> Watched:
    """Look at a persona's open canary once and do what its ratings say. Raises UnknownPersona."""
    with open_installation() as installation:
        return watch_with(installation, persona, at=now())


def watch_with(installation: Installation, persona: str, *, at: datetime) -> Watched:
    """As `watch`, at a given instant.

    Whoever holds the persona's lock comes first: a second watcher, or a person who ended the canary
    meanwhile, leaves nothing to do.
    """
    with session_scope(installation.engine) as session:
        row = promotions.lock_persona(session, persona)
        canary = canary_row(session, row)
        if canary is None:
            return {"persona": persona, "version": None, "verdict": "", "sentence": "No canary is open."}
        judged = _judge(session, row, canary, at=at)
        if keep_look(session, canary.id, judged, at=at):
            logger.info("%s, version %d: %s", persona, canary.version.number, judged.sentence)
        _carry_out(session, canary, judged, at=at)
        return {
            "persona": persona,
            "version": canary.version.number,
            "verdict": judged.verdict,
            "sentence": judged.sentence,
        }


def start(decision_id: int, share: float | None, reason: str, actor: str) -> Moved:
    """Let a share of conversations, the persona's policy's if None, try the candidate of a decision.

    Raises what `promoting.start_canary`, `refuse_changed_serving` and `check_line` raise, InvalidPolicy for a
    share that cannot be.
    """
    reason = check_line("reason", reason, limit=REASON_LIMIT)
    if share is not None:
        CanaryPolicy(share=share)  # who asks for one that cannot be hears of it at once
    with open_installation() as installation:
        refuse_changed_serving(installation, decision_id, verdicts=("PASS", "INSUFFICIENT"))
        return _start(installation, decision_id, share, reason, actor)


def _start(
    installation: Installation, decision_id: int, share: float | None, reason: str, actor: str
) -> Moved:
    with session_scope(installation.engine) as session:
        before = moves_before(session, decision_id)
        row = promoting.start_canary(
            session, decision_id=decision_id, share=share, actor=actor, reason=reason, at=now()
        )
        return moved(session, row, already=row.id in before)


def stop(persona: str, reason: str, actor: str) -> Moved:
    """End an open canary; the champion goes on serving. Raises UnknownPersona, NoCanary."""
    reason = check_line("reason", reason, limit=REASON_LIMIT)
    with open_installation() as installation, session_scope(installation.engine) as session:
        row = promotions.lock_persona(session, persona)
        if canary_row(session, row) is None:
            raise NoCanary(persona)
        back = promotions.rollback(
            session, persona=PersonaSlug(persona), to_version=None, reason=reason, actor=actor, at=now()
        )
        return moved(session, back)


def show(persona: str) -> Record:
    """The open canary and what its ratings say at this moment; raises UnknownPersona, NoCanary."""
    with open_installation() as installation, session_scope(installation.engine) as session:
        return canary_in(session, persona, at=now())


def canary_in(session: Session, persona: str, *, at: datetime) -> Record:
    """As `show`, in a given session; `looked_at` is when the ratings last said something new to a watch."""
    row = promotions.find_persona(session, persona)
    canary = canary_row(session, row)
    if canary is None:
        raise NoCanary(row.slug)
    judged, look = _judge(session, row, canary, at=at), newest_look(session, canary.id)
    return {
        "persona": row.slug,
        "version": canary.version.number,
        "champion": promotions.who_serves(session, row).number,
        "share": canary.share,
        "since": canary.at.isoformat(),
        "decision": canary.decision_id,
        "actor": canary.actor,
        "reason": canary.reason,
        "looked_at": look.at.isoformat() if look else None,
        "verdict": judged.verdict,
        "sentence": judged.sentence,
        **numbers_of(judged),
    }


def canary_row(session: Session, persona: PersonaRow) -> PromotionRow | None:
    """The ledger's row of the persona's open canary."""
    _, canary = live_now(session, persona)
    return session.get_one(PromotionRow, canary.promotion_id) if canary else None


def looks_at(session: Session, promotion_id: int) -> list[CanaryLookRow]:
    """All that was seen of a canary, oldest first."""
    return list(
        session.scalars(
            select(CanaryLookRow).where(CanaryLookRow.promotion_id == promotion_id).order_by(CanaryLookRow.id)
        )
    )


def _judge(session: Session, persona: PersonaRow, canary: PromotionRow, *, at: datetime) -> CanaryJudgement:
    policy: CanaryPolicy = policy_of(persona)
    days = (at - canary.at) / timedelta(days=1)
    return judge_canary(rated_conversations(session, canary), policy, days=days)


def _carry_out(session: Session, canary: PromotionRow, judged: CanaryJudgement, *, at: datetime) -> None:
    if judged.verdict is CanaryVerdict.FULL:
        promoting.promote_canary(session, canary, actor=ACTOR, reason=judged.sentence, at=at)
    elif judged.verdict is CanaryVerdict.ROLLBACK:
        slug = PersonaSlug(canary.version.persona.slug)
        promotions.rollback(
            session, persona=slug, to_version=None, reason=judged.sentence, actor=ACTOR, at=at
        )
