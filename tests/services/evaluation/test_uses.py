"""Which held-out items decisions used, how fast new ones come in, and which take a rest."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import EvaluationSuiteRow, GateDecisionRow
from services.domain import wear
from services.domain.evaluation import ItemSource
from services.domain.gate_policy import GatePolicy, Requirement
from services.domain.outlook import Outlook
from services.evaluation.decisions import decide_and_store
from services.evaluation.frozen_suites import frozen_items
from services.evaluation.suites import compose_items
from services.evaluation.uses import decisions_on, uses_of
from tests.builders import AT, add_items, add_persona
from tests.lineage_builders import add_answers, add_decision, add_version

LATER = AT + timedelta(days=1)


@pytest.fixture
def persona(session: Session) -> PersonaRow:
    return add_persona(session)


def use(session: Session, persona: PersonaRow, keys: list[str], *, number: int) -> GateDecisionRow:
    decision = add_decision(session, add_version(session, persona, number=number), verdict="FAIL")
    session.execute(text("SET LOCAL session_replication_role = replica"))
    decision.used = keys
    session.flush()
    session.execute(text("SET LOCAL session_replication_role = origin"))
    return decision


def item(question: str) -> str:
    return json.dumps({"question": question, "reference": "Oslo.", "answer_key": "oslo"})


def own_keys(session: Session, persona: PersonaRow) -> list[str]:
    items = compose_items(session, persona, held_out=(), cutoff=LATER)
    return [item.key for item in items if item.source is ItemSource.BANK]


def test_every_decision_of_the_persona_by_then_counts(session: Session, persona: PersonaRow):
    use(session, persona, ["a", "b", "b"], number=1)
    use(session, persona, ["a"], number=2)
    use(session, add_persona(session, slug="tutor"), ["a"], number=1)
    assert uses_of(session, persona, until=AT) == {"a": 2, "b": 1}
    assert uses_of(session, persona, until=AT - timedelta(seconds=1)) == {}
    assert decisions_on(session, persona) == 2


def test_a_worn_item_is_not_asked_again_and_a_retry_asks_the_same(
    session: Session, persona: PersonaRow, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(wear, "WORN_AFTER", 2)
    monkeypatch.setattr(wear, "LEAST_ITEMS", 3)
    add_items(session, persona, [item(f"Is it {number}?") for number in range(5)])
    everything = own_keys(session, persona)
    assert len(everything) == 5
    for number in (1, 2):
        use(session, persona, everything[:1], number=number)
    assert own_keys(session, persona) == everything[1:]
    before = compose_items(session, persona, held_out=(), cutoff=AT - timedelta(hours=1))
    assert before == ()  # nothing was stored by then


def test_frozen_suites_never_rest(session: Session, persona: PersonaRow, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(wear, "WORN_AFTER", 1)
    add_items(session, persona, [item("Is it so?")])
    use(session, persona, [item.key for item in frozen_items()], number=1)
    assert compose_items(session, persona, held_out=(), cutoff=LATER)[1:] == frozen_items()


def lacking(session: Session, persona: PersonaRow, store_url: str) -> Outlook | None:
    """The outlook of a decision on 40 items where 60 are asked for."""
    decision = decide_and_store(
        session,
        candidate_report=add_answers(session, add_version(session, persona, number=2), right=40),
        champion_report=(champion := add_answers(session, add_version(session, persona, number=1), right=10)),
        anchor_report=champion,
        policy=GatePolicy((Requirement("fact_hit", limit=0.5, minimum_items=60),)),
        store_url=store_url,
        at=AT,
    )
    assert decision.verdict == "INSUFFICIENT"
    return Outlook(**decision.outlook) if decision.outlook else None


def test_without_an_earlier_suite_how_many_are_lacking_is_told_and_when_is_not(
    session: Session, persona: PersonaRow, tmp_path: Path
):
    told = lacking(session, persona, f"file://{tmp_path}")
    assert told is not None
    assert (told.metric, told.more_items, told.per_day) == ("fact_hit", 20, None)


def test_what_came_in_since_an_earlier_suite_tells_when(
    session: Session, persona: PersonaRow, tmp_path: Path
):
    known = [{"key": f"key {number}"} for number in range(30)]
    session.add(
        EvaluationSuiteRow(
            digest="earlier", persona_id=persona.id, items=known, created_at=AT - timedelta(days=5)
        )
    )
    session.flush()
    told = lacking(session, persona, f"file://{tmp_path}")
    assert told is not None
    assert (told.per_day, told.days) == (2.0, 10.0)
