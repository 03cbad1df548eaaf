"""Which personas a night looks at."""

from sqlalchemy import select

from services.db.feedback_tables import PersonaRow
from services.db.session import session_scope
from services.domain.personas import PersonaState
from services.jobs.installation import open_installation


def due_personas() -> list[str]:
    """The slugs of all that are not archived, in order; `assemble` says of each whether it learns tonight."""
    with open_installation() as installation, session_scope(installation.engine) as session:
        asked = PersonaRow.state != PersonaState.ARCHIVED
        return list(session.scalars(select(PersonaRow.slug).where(asked).order_by(PersonaRow.slug)))
