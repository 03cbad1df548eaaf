"""What names a training set besides its persona and cutoff, and which sets are there already."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session, aliased

from services.db.advisory_locks import Space, held_in
from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import TrainingRunRow, TrainingSetRow
from services.domain.conversation import PROMPT_VERSION
from services.domain.example_policy import ExamplePolicy, Start
from services.domain.training import RunState
from services.training_sets.starting import Starting

Conditions = dict[str, Any]


def conditions_of(
    persona: PersonaRow, policy: ExamplePolicy, start: Starting, *, max_tokens: int, without: Collection[str]
) -> Conditions:
    """Everything that a set depends on: the policy, what the rows are made with, and who is gone on from."""
    conditions = asdict(policy) | {
        "max_tokens": max_tokens,
        "prompt_version": PROMPT_VERSION,
        "system_template": persona.system_template,
    }
    if instruction := persona.as_persona().answers.instruction:
        conditions["instruction"] = instruction
    if policy.start is Start.CHAMPION or start.lent is not None:
        conditions["started_from"] = start.digest
    return conditions | ({"without": sorted(without)} if without else {})


def policy_in(conditions: Mapping[str, Any]) -> ExamplePolicy:
    """The policy of a stored set; what its release did not know yet is as it was then, the default."""
    known = {field.name for field in fields(ExamplePolicy)}
    return ExamplePolicy(**{name: value for name, value in conditions.items() if name in known})


def of_everyone() -> ColumnElement[bool]:
    """Of training sets those that left nobody out on request; a rebuilt one says what would have been."""
    return TrainingSetRow.policy["without"].is_(None)


def alike_but_for_raters(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two sets were made under the same conditions, whoever was left out."""
    return _without_raters(one) == _without_raters(other)


def find_set(
    session: Session, persona: PersonaRow, *, cutoff: datetime, policy_digest: str
) -> TrainingSetRow | None:
    return session.scalar(
        select(TrainingSetRow).where(
            TrainingSetRow.persona_id == persona.id,
            TrainingSetRow.cutoff == cutoff,
            TrainingSetRow.policy_digest == policy_digest,
        )
    )


def newest_learnt(session: Session, persona: PersonaRow, *, before: datetime) -> TrainingSetRow | None:
    """The newest earlier set whose rows were learnt or are being learnt, whether or not that made a version.

    What a failed or interrupted night or a redacted set had is new. Rows equal to those of a set that was
    learnt are not learnt once more, so they count as learnt with that one.
    """
    learning = and_(
        TrainingRunRow.state == RunState.RUNNING, TrainingRunRow.id.in_(held_in(session, Space.RUNS))
    )
    trained_on = aliased(TrainingSetRow)
    learnt = (
        select(trained_on.digest)
        .join(TrainingRunRow, TrainingRunRow.training_set_id == trained_on.id)
        .where(trained_on.persona_id == persona.id, or_(TrainingRunRow.state == RunState.SUCCEEDED, learning))
    )
    return session.scalar(
        select(TrainingSetRow)
        .where(
            TrainingSetRow.persona_id == persona.id,
            TrainingSetRow.cutoff < before,
            TrainingSetRow.digest.in_(learnt),
            TrainingSetRow.redacted_at.is_(None),
        )
        .order_by(TrainingSetRow.cutoff.desc())
        .limit(1)
    )


def _without_raters(conditions: Mapping[str, Any]) -> Conditions:
    policy = asdict(policy_in(conditions))
    others = {name: value for name, value in conditions.items() if name not in {*policy, "without"}}
    return policy | others
