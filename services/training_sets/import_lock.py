"""Imports and nights of one persona: a night begins when the imports under way have ended.

An import's rows bear the instant at which it began and are seen once it has ended. A night whose cutoff lies
between the two would miss them, and the nights after it would take them for learnt.
"""

from sqlalchemy.orm import Session

from services.db.advisory_locks import Space, lock_alone, lock_shared
from services.db.feedback_tables import PersonaRow


def begin_import(session: Session, persona: PersonaRow) -> None:
    """Until the transaction ends it is an import of the persona; read the clock for its rows after this."""
    lock_shared(session, Space.IMPORTS, of=persona.id)


def wait_for_imports(session: Session, persona: PersonaRow) -> None:
    """Return when every import that began before has ended; others wait until this transaction ends."""
    lock_alone(session, Space.IMPORTS, of=persona.id)
