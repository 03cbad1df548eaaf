"""Assembling a persona's training set: once per (persona, cutoff, policy), or not at all tonight."""

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import TrainingRunRow, TrainingSetRow
from services.domain.conversation import PROMPT_VERSION
from services.domain.examples import CountTokens, ExamplePolicy, Examples, build_examples
from services.domain.training import RunState, digest_of
from services.training_sets.freezing import freeze
from services.training_sets.reading import count_new, read_feedback


@dataclass(frozen=True, slots=True)
class Skipped:
    """Why there is no set tonight, as one sentence."""

    reason: str


def choose_examples(
    session: Session, persona: PersonaRow, *, cutoff: datetime, max_tokens: int, count_tokens: CountTokens
) -> Examples:
    """Rows and held-out references of a persona as of the cutoff; the same inputs give the same result."""
    return build_examples(
        read_feedback(session, persona, cutoff=cutoff),
        ExamplePolicy(**persona.example_policy),
        system_template=persona.system_template,
        max_tokens=max_tokens,
        count_tokens=count_tokens,
    )


def assemble(
    session: Session,
    persona: PersonaRow,
    *,
    cutoff: datetime,
    store_url: str,
    max_tokens: int,
    count_tokens: CountTokens,
    at: datetime,
) -> TrainingSetRow | Skipped:
    """The frozen set of this persona, cutoff and policy: the one that exists, or a new one, or why none."""
    policy = ExamplePolicy(**persona.example_policy)
    conditions = asdict(policy) | {
        "max_tokens": max_tokens,
        "prompt_version": PROMPT_VERSION,
        "system_template": persona.system_template,
    }
    policy_digest = digest_of(conditions)
    existing = _existing(session, persona, cutoff=cutoff, policy_digest=policy_digest)
    if existing is not None:
        return existing

    newest = _newest_learnt(session, persona, before=cutoff)
    new = count_new(session, persona, after=newest, until=cutoff)
    if new < policy.minimum_new:
        return Skipped(f"{persona.slug}: {new} new pieces of feedback, and {policy.minimum_new} are needed")
    examples = choose_examples(
        session, persona, cutoff=cutoff, max_tokens=max_tokens, count_tokens=count_tokens
    )
    if len(examples.rows) < policy.minimum_rows:
        return Skipped(
            f"{persona.slug}: {len(examples.rows)} usable rows, and {policy.minimum_rows} are needed"
        )
    digest, path = freeze(store_url, examples.rows)
    row = TrainingSetRow(
        persona_id=persona.id,
        cutoff=cutoff,
        policy=conditions,
        policy_digest=policy_digest,
        digest=digest,
        path=path,
        row_count=len(examples.rows),
        counts=examples.counts(),
        dropped={reason.value: number for reason, number in examples.dropped.items()},
        created_at=at,
    )
    session.add(row)
    session.flush()  # a concurrent twin fails here on the unique key, before anything is trained
    return row


def _existing(
    session: Session, persona: PersonaRow, *, cutoff: datetime, policy_digest: str
) -> TrainingSetRow | None:
    return session.scalar(
        select(TrainingSetRow).where(
            TrainingSetRow.persona_id == persona.id,
            TrainingSetRow.cutoff == cutoff,
            TrainingSetRow.policy_digest == policy_digest,
        )
    )


def _newest_learnt(session: Session, persona: PersonaRow, *, before: datetime) -> datetime | None:
    """The cutoff of the newest earlier set that was trained on; a failed night's feedback stays new."""
    return session.scalar(
        select(TrainingSetRow.cutoff)
        .join(TrainingRunRow, TrainingRunRow.training_set_id == TrainingSetRow.id)
        .where(
            TrainingSetRow.persona_id == persona.id,
            TrainingSetRow.cutoff < before,
            TrainingRunRow.state == RunState.SUCCEEDED,
        )
        .order_by(TrainingSetRow.cutoff.desc())
        .limit(1)
    )
