"""Imports and nights of one persona: a night begins when the imports under way have ended.

An import's rows bear the instant at which it began and are seen once it has ended. A night whose cutoff lies
between the two would miss them, and the nights after it would take them for learnt.
"""

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.db.feedback_tables import PersonaRow

_SPACE = 7_002  # of advisory locks: those of imports
_IMPORTING = text("SELECT pg_advisory_xact_lock_shared(:space, :persona)")
_NONE_IMPORTING = text("SELECT pg_advisory_xact_lock(:space, :persona)")


def begin_import(session: Session, persona: PersonaRow) -> None:
    """Until the transaction ends it is an import of the persona; read the clock for its rows after this."""
    session.execute(_IMPORTING, {"space": _SPACE, "persona": persona.id})


def wait_for_imports(session: Session, persona: PersonaRow) -> None:
    """Return when every import that began before has ended; others wait until this transaction ends."""
    session.execute(_NONE_IMPORTING, {"space": _SPACE, "persona": persona.id})
