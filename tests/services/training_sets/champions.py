"""A first night's set that was learnt by who serves, and what people say before a second night."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import islice

from sqlalchemy.orm import Session

from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import PromotionRow, TrainingSetRow
from services.domain.promotions import PromotionKind
from services.domain.training import RunState
from tests.builders import AT, add_answer, add_correction
from tests.lineage_builders import add_run, add_version, unguarded
from tests.services.training_sets.conftest import Nights, Record

SECOND = AT + timedelta(minutes=90)  # of the second night's words


def crown(session: Session, training_set: TrainingSetRow, *, minutes: float = 61, number: int = 1) -> None:
    """Let a version that learnt the set serve from so many minutes after AT on."""
    version = add_version(session, training_set.persona, number=number)
    version.training_run_id = add_run(session, training_set, state=RunState.SUCCEEDED).id
    with unguarded(session):
        session.add(
            PromotionRow(
                persona_id=training_set.persona_id,
                version=version,
                kind=PromotionKind.REINSTATE,
                actor="test",
                reason="a test asked for it",
                at=AT + timedelta(minutes=minutes),
            )
        )
    session.flush()


def going_on(persona: PersonaRow) -> PersonaRow:
    """The persona, whose nights go on from the champion with as much replay as there is new."""
    persona.example_policy = persona.example_policy | {"start": "champion", "replay_percent": 50}
    return persona


def first_night(session: Session, nights: Nights, asked: Iterator[str]) -> TrainingSetRow:
    """The first night's set of eight corrections; who learnt it serves."""
    say(session, nights.persona, asked, 8)
    training_set = nights.assemble()
    crown(session, training_set)
    return training_set


def say(session: Session, persona: PersonaRow, asked: Iterator[str], count: int, **when) -> list[str]:
    """So many corrections of answers to different questions; their sources."""
    return [
        add_correction(session, add_answer(session, persona, question=one, **when), f"On {one}", **when)
        for one in islice(asked, count)
    ]


def sources(rows: list[Record]) -> set[str]:
    return {source for row in rows for source in row["sources"]}
