"""Storing the split of a prompt: drawn once, when the prompt is first seen, and never changed."""

from datetime import datetime

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.db.feedback_tables import PersonaRow, PromptSplitRow
from services.domain.personas import PersonaSlug
from services.domain.splits import assign_split


def draw_split(session: Session, *, persona: PersonaRow, key: str, at: datetime) -> None:
    """Draw and store the split of a prompt key, unless it has one already: the first draw holds for ever."""
    percent = int(persona.example_policy["holdout_percent"])
    split = assign_split(PersonaSlug(persona.slug), key, holdout_percent=percent)
    session.execute(
        insert(PromptSplitRow)
        .values(persona_id=persona.id, split_key=key, split=split, assigned_at=at)
        .on_conflict_do_nothing()
    )
