"""A persona's canaries in PostgreSQL: the policy they are watched by, what was seen, the pause after one.

Who is in one stands in the ledger; beginning and ending one is `promoting`'s, judging one the domain's.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.db.canary_tables import CanaryLookRow
from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import AdapterVersionRow, PromotionRow
from services.domain.canaries import CanaryJudgement, CanaryPolicy, CanaryVerdict
from services.errors.inputs import InvalidPolicy

_APART = frozenset({"verdict", "sentence"})  # of a judgement: columns of their own


@dataclass(frozen=True, slots=True)
class CoolingDown:
    version: int
    until: datetime


def parse_canary_policy(record: Mapping[str, Any]) -> CanaryPolicy:
    """A stored or uploaded policy; InvalidPolicy says what is wrong with it."""
    try:
        return CanaryPolicy(**record)
    except TypeError as error:
        raise InvalidPolicy(f"the rules for canaries do not have the expected shape ({error}).") from error


def own_policy(persona: PersonaRow) -> CanaryPolicy | None:
    """By which what passed goes to a canary first; None for a persona whose versions serve at once."""
    return parse_canary_policy(persona.canary_policy) if persona.canary_policy else None


def policy_of(persona: PersonaRow) -> CanaryPolicy:
    """By which a canary is watched, also where somebody begins one by hand."""
    return own_policy(persona) or CanaryPolicy()


def newest_look(session: Session, promotion_id: int) -> CanaryLookRow | None:
    return session.scalar(
        select(CanaryLookRow)
        .where(CanaryLookRow.promotion_id == promotion_id)
        .order_by(CanaryLookRow.id.desc())
        .limit(1)
    )


def was_taken_back(session: Session, promotion_id: int) -> bool:
    """Whether a canary's ratings rolled it back, as opposed to a person, or a champion who changed."""
    look = newest_look(session, promotion_id)
    return look is not None and look.verdict == CanaryVerdict.ROLLBACK


def numbers_of(judged: CanaryJudgement) -> dict[str, Any]:
    """All of a judgement but verdict and sentence, as it reads back from JSON, which has no infinity."""
    return {name: _plain(value) for name, value in asdict(judged).items() if name not in _APART}


def keep_look(session: Session, promotion_id: int, judged: CanaryJudgement, *, at: datetime) -> bool:
    """Write down what was seen, unless it is what was seen the last time; whether it was written."""
    numbers = numbers_of(judged)
    last = newest_look(session, promotion_id)
    if last is not None and (last.verdict, last.numbers) == (judged.verdict, numbers):
        return False
    session.add(
        CanaryLookRow(
            promotion_id=promotion_id,
            verdict=judged.verdict,
            numbers=numbers,
            sentence=judged.sentence,
            at=at,
        )
    )
    session.flush()  # the database looks for it when the canary is promoted fully
    return True


def cooling_down(session: Session, persona: PersonaRow, *, at: datetime) -> CoolingDown | None:
    """The version whose canary was rolled back by its ratings less than the policy's hours ago."""
    taken_back = session.execute(
        select(AdapterVersionRow.number, CanaryLookRow.at)
        .join(PromotionRow, PromotionRow.id == CanaryLookRow.promotion_id)
        .join(AdapterVersionRow, AdapterVersionRow.id == PromotionRow.adapter_version_id)
        .where(PromotionRow.persona_id == persona.id, CanaryLookRow.verdict == CanaryVerdict.ROLLBACK)
        .order_by(CanaryLookRow.id.desc())
        .limit(1)
    ).one_or_none()
    if taken_back is None:
        return None
    until = taken_back.at + timedelta(hours=policy_of(persona).cool_down_hours)
    return CoolingDown(taken_back.number, until) if at < until else None


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
