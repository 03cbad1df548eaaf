"""Which personas a night looks at."""

from sqlalchemy import select

from services.db.feedback_tables import PersonaRow
from services.db.session import session_scope
from services.jobs.installation import open_installation


def due_personas() -> list[str]:
    """Every persona's slug, in order; `assemble` says of each whether it has enough to learn from tonight."""
    with open_installation() as installation, session_scope(installation.engine) as session:
        return list(session.scalars(select(PersonaRow.slug).order_by(PersonaRow.slug)))
