"""Rows with valid defaults for tests; each builder takes what the test is about and fills in the rest."""

from dataclasses import asdict
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import AdapterVersionRow
from services.domain.personas import DEFAULT_SYSTEM_TEMPLATE, AnswerFormat, GenerationSettings
from services.language_model.asking import BASE_NAME

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def add_persona(session: Session, *, slug: str = "pirate", display_name: str = "Pirate") -> PersonaRow:
    """A persona served by its version 0, the plain base."""
    persona = PersonaRow(
        slug=slug,
        display_name=display_name,
        system_template=DEFAULT_SYSTEM_TEMPLATE,
        answer_format=AnswerFormat.FREE_TEXT,
        markers=[],
        generation=asdict(GenerationSettings()),
        example_policy={"holdout_percent": 15},
        gate_policy={},
        recipe="",
        recipe_overrides=[],
        created_at=AT,
    )
    session.add(persona)
    session.flush()
    session.add(
        AdapterVersionRow(
            persona_id=persona.id, number=0, digest=None, name=BASE_NAME, provenance={}, created_at=AT
        )
    )
    return persona
