"""The items every arm answers: a persona's held-out prompts and known answers, and what all are asked.

A suite is frozen under the digest of its items; reports of different suites are never compared.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from sqlalchemy import exists, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.db.feedback_tables import EvaluationItemRow, PersonaRow
from services.db.lineage_tables import EvaluationSuiteRow
from services.db.prompt_tables import PromptRetirementRow
from services.domain.conversation import Question
from services.domain.evaluation import OWN_SOURCES, Item, ItemSource
from services.domain.examples import Reference
from services.domain.training import digest_of
from services.domain.wear import on_duty
from services.errors.refusals import Redacted
from services.evaluation.frozen_suites import frozen_items
from services.evaluation.uses import uses_of
from services.evaluation.witnesses import Witnesses, without_floods


def compose_items(
    session: Session, persona: PersonaRow, *, held_out: Iterable[Reference], cutoff: datetime
) -> tuple[Item, ...]:
    """Held-out references as of the cutoff, the items stored by then, each kind in a fixed order and without
    those that are worn, and behind them the frozen suites; nothing at all for a persona that has no item of
    its own.

    What comes in later changes no suite of an earlier cutoff: a retried evaluation finds its reports again.
    """
    own = [(_held_out_item(reference), reference.prompt_key, reference.split_key) for reference in held_out]
    stored = session.scalars(
        select(EvaluationItemRow)
        .where(
            EvaluationItemRow.persona_id == persona.id,
            EvaluationItemRow.imported_at <= cutoff,
            ~exists().where(
                PromptRetirementRow.persona_id == persona.id,
                PromptRetirementRow.split_key == EvaluationItemRow.split_key,
                PromptRetirementRow.at <= cutoff,
            ),
        )
        .order_by(EvaluationItemRow.prompt_key)
    )
    own += [(_bank_item(row), row.prompt_key, row.split_key) for row in stored]
    asked = _on_duty([item for item, _, _ in own], uses_of(session, persona, until=cutoff))
    own = [one for one in own if one[0].key in asked]
    if not own:
        return ()
    witnesses = Witnesses(session, persona, {prompt: split for _, prompt, split in own}, cutoff=cutoff)
    named = [replace(item, cluster=witnesses.of(split)) for item, _, split in own]
    return without_floods(named) + frozen_items()


def freeze_suite(session: Session, persona: PersonaRow, items: Sequence[Item], *, at: datetime) -> str:
    """Store the items under their digest (SHA-256, hex) unless they are there; returns the digest."""
    records = [asdict(item) for item in items]
    digest = digest_of({"persona": persona.slug, "items": records})
    session.execute(
        insert(EvaluationSuiteRow)
        .values(digest=digest, persona_id=persona.id, items=records, created_at=at)
        .on_conflict_do_nothing()
    )
    return digest


def suite_items(session: Session, digest: str) -> tuple[Item, ...]:
    """The frozen items of a suite; raises Redacted where texts of an erased rater were among them."""
    suite = session.get_one(EvaluationSuiteRow, digest)
    if suite.redacted_at is not None:
        raise Redacted("evaluation suite", digest[:12])
    return tuple(item_of(record) for record in suite.items)


def newest_own_items(session: Session, persona: PersonaRow) -> tuple[Item, ...]:
    """The persona's own items of its newest suite; none before the first."""
    suite = session.scalar(
        select(EvaluationSuiteRow)
        .where(EvaluationSuiteRow.persona_id == persona.id)
        .order_by(EvaluationSuiteRow.created_at.desc())
        .limit(1)
    )
    items = (item_of(record) for record in suite.items) if suite else ()
    return tuple(item for item in items if item.source in OWN_SOURCES)


def item_of(record: dict[str, Any]) -> Item:
    return Item(
        key=record["key"],
        source=ItemSource(record["source"]),
        question=Question(**record["question"]),
        reference=record["reference"],
        answer_key=record["answer_key"],
        rejected=record.get("rejected", ""),  # suites older than pairs have none
        cluster=record.get("cluster", ""),
    )


def _on_duty(items: Sequence[Item], uses: Mapping[str, int]) -> frozenset[str]:
    """Keys without those of worn items of each kind, as long as enough of the kind are left."""
    kinds = {item.source for item in items}
    keys = [[item.key for item in items if item.source is kind] for kind in sorted(kinds)]
    return frozenset[str]().union(*(on_duty(of_kind, uses) for of_kind in keys))


def _held_out_item(reference: Reference) -> Item:
    """The demonstration of a prompt goes by the prompt's key, each of its pairs by one of its own."""
    key, rejected = reference.prompt_key, reference.rejected
    return Item(
        key=digest_of([key, reference.text, rejected]) if rejected else key,
        source=ItemSource.PAIR if rejected else ItemSource.HOLDOUT,
        question=reference.question,
        reference=reference.text,
        answer_key="",
        rejected=rejected,
    )


def _bank_item(row: EvaluationItemRow) -> Item:
    return Item(
        key=row.prompt_key,
        source=ItemSource.BANK,
        question=Question(text=row.text, context=row.context, domain=row.domain, audience=row.audience),
        reference=row.reference,
        answer_key=row.answer_key,
    )
