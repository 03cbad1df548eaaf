"""Creating personas: whole or not at all, and once, also when two people want the same slug at once."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import AdapterVersionRow
from services.db.session import session_scope
from services.domain.personas import Persona, PersonaSlug
from services.errors.inputs import InvalidTemplate
from services.errors.refusals import PersonaExists
from services.errors.tree import PersonaLoopError
from services.feedback.personas import PersonaPlan, create_persona
from tests.builders import AT, add_persona


def rows(session: Session) -> tuple[int, int]:
    """How many personas there are, and how many versions."""
    personas, versions = (
        session.scalar(select(func.count()).select_from(table)) or 0
        for table in (PersonaRow, AdapterVersionRow)
    )
    return personas, versions


def test_a_slug_that_is_taken_is_refused(session: Session):
    add_persona(session, display_name="The first")
    with pytest.raises(PersonaExists):
        add_persona(session, display_name="The second")
    assert rows(session) == (1, 1)
    assert session.scalars(select(PersonaRow.display_name)).one() == "The first"


def test_a_persona_that_cannot_be_used_leaves_nothing_behind(session: Session):
    persona = Persona(PersonaSlug("pirate"), "Pirate", system_template="Know {everything}.")
    with pytest.raises(InvalidTemplate):
        create_persona(session, PersonaPlan(persona), at=AT)
    assert rows(session) == (0, 0)


def test_of_two_at_once_one_is_created_and_one_is_told(clean: Engine):
    both_are_creating = threading.Barrier(2, timeout=30)

    def create(name: str) -> PersonaLoopError | str:
        try:
            with session_scope(clean) as session:
                rows(session)  # the transaction has begun, and sees no persona
                both_are_creating.wait()
                add_persona(session, display_name=name)
        except PersonaLoopError as problem:
            return problem
        return name

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(create, ("One", "Two")))
    [created] = [outcome for outcome in outcomes if isinstance(outcome, str)]
    assert [type(outcome) for outcome in outcomes if outcome is not created] == [PersonaExists]
    with session_scope(clean) as session:
        assert rows(session) == (1, 1)
        assert session.scalars(select(PersonaRow.display_name)).one() == created


def test_a_slug_is_free_again_when_its_creation_was_rolled_back(clean: Engine):
    first_is_written, first_is_undone = threading.Event(), threading.Event()

    def create_and_undo() -> None:
        with Session(clean) as session:
            add_persona(session)
            first_is_written.set()
            first_is_undone.wait(0.2)  # the other one is waiting for this row by now
            session.rollback()

    with ThreadPoolExecutor(1) as pool:
        undone = pool.submit(create_and_undo)
        first_is_written.wait(30)
        with session_scope(clean) as session:
            add_persona(session, display_name="The second")
        undone.result(30)
    with session_scope(clean) as session:
        assert rows(session) == (1, 1)
