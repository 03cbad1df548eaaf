"""Storing the split of a prompt: drawn once, when the prompt is first seen, and never changed."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.db.feedback_tables import PersonaRow
from services.db.prompt_tables import PromptSignatureRow, PromptSplitRow
from services.domain.personas import PersonaSlug
from services.domain.splits import Split, assign_split


def draw_split(session: Session, *, persona: PersonaRow, key: str, at: datetime) -> None:
    """Draw and store the split of a prompt key, unless it has one already: the first draw holds for ever."""
    draw_splits(session, persona=persona, keys=(key,), at=at)


def follow_split(session: Session, *, persona: PersonaRow, key: str, before: str, at: datetime) -> None:
    """As `draw_split`, for a prompt that repeats another one in its context: it takes that one's side.

    It is drawn where that one was never asked of this persona.
    """
    side = session.get(PromptSignatureRow, (persona.id, before)) or session.get(
        PromptSplitRow, (persona.id, before)
    )
    if side is None:
        draw_split(session, persona=persona, key=key, at=at)
        return
    # What is quarantined beside it is not learnt from.
    split = Split.TRAIN if side.split == Split.TRAIN else Split.HOLDOUT
    taken = insert(PromptSplitRow).values(persona_id=persona.id, split_key=key, split=split, assigned_at=at)
    session.execute(taken.on_conflict_do_nothing())


def draw_splits(session: Session, *, persona: PersonaRow, keys: Collection[str], at: datetime) -> None:
    """Draw and store the splits of many prompt keys at once, each as `draw_split` would."""
    if not keys:
        return
    slug, percent = PersonaSlug(persona.slug), int(persona.example_policy["holdout_percent"])
    drawn = [
        {
            "persona_id": persona.id,
            "split_key": key,
            "split": assign_split(slug, key, holdout_percent=percent),
            "assigned_at": at,
        }
        for key in sorted(keys)  # in one order, lest two who store the same keys wait for each other
    ]
    # Asked for something back, the driver sends many rows at once instead of one after another.
    statement = insert(PromptSplitRow).on_conflict_do_nothing().returning(PromptSplitRow.split_key)
    session.connection().execute(statement, drawn)


def split_of(session: Session, persona: PersonaRow, key: str) -> Split:
    """Where a prompt that was seen goes: to its cluster's side, or to its own until it has a cluster."""
    placed = session.get(PromptSignatureRow, (persona.id, key))
    return Split((placed or session.get_one(PromptSplitRow, (persona.id, key))).split)
