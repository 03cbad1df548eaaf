"""What was live at an instant, and what the version that serves rests on."""

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from services.adapters.promoting import promote
from services.adapters.promotions import rollback
from services.domain.personas import PersonaSlug
from services.domain.training import RunState
from services.errors.lookups import NotYetThere, UnknownPersona
from services.jobs.live import live_at, why_live
from tests.builders import AT, add_persona
from tests.lineage_builders import (
    add_canary,
    add_decision,
    add_run,
    add_serving_version,
    add_training_set,
    add_version,
)

PIRATE = PersonaSlug("pirate")
HOUR = timedelta(hours=1)


def test_the_plain_base_is_live_until_the_first_promotion(session: Session):
    add_persona(session)
    found = live_at(session, PIRATE, AT)
    assert (found.champion.version, found.champion.share, found.canary) == (0, 1.0, None)
    assert found.champion.since is None


def test_what_was_live_is_what_the_ledger_said_at_that_instant(session: Session):
    persona = add_persona(session)
    for number in (1, 2):
        decision = add_decision(session, add_version(session, persona, number=number), verdict="PASS")
        promote(session, decision_id=decision.id, actor="night", at=AT + number * HOUR)
    back = rollback(session, persona=PIRATE, to_version=None, reason="it lies", actor="me", at=AT + 3 * HOUR)
    lived = [live_at(session, PIRATE, AT + hours * HOUR).champion.version for hours in (0.9, 1, 1.9, 2, 3, 9)]
    assert lived == [0, 1, 1, 2, 1, 1]
    champion = live_at(session, PIRATE, AT + 3 * HOUR).champion
    assert (champion.promotion_id, champion.reason, champion.actor) == (back.id, "it lies", "me")


def test_why_a_version_is_live_names_decision_reports_suite_set_and_recipe(session: Session):
    persona = add_persona(session)
    run = add_run(session, add_training_set(session, persona), state=RunState.SUCCEEDED)
    version = add_version(session, persona, number=1)
    version.training_run_id = run.id
    decision = add_decision(session, version, verdict="PASS")
    promote(session, decision_id=decision.id, actor="night", at=AT)
    found = why_live(session, PIRATE)
    assert (found["version"], found["actor"], found["decision"]["id"]) == (1, "night", decision.id)
    assert found["decision"]["reports"]["candidate"] == decision.candidate_report_id
    assert found["decision"]["suite"] == decision.candidate_report.suite_digest
    assert (found["learnt"]["training_set"], found["learnt"]["recipe"]) == (run.training_set_id, run.recipe)


def test_a_version_that_was_put_back_rests_on_the_decision_that_let_it_serve_first(session: Session):
    persona = add_persona(session)
    first = add_serving_version(session, persona, number=1)
    add_serving_version(session, persona, number=2)
    rollback(session, persona=PIRATE, to_version=None, reason="it lies", actor="me", at=AT)
    found = why_live(session, PIRATE)
    assert (found["version"], found["kind"], found["reason"]) == (first.number, "rollback", "it lies")
    assert found["decision"]["verdict"] == "PASS"


def stop(session: Session, *, hours: int) -> None:
    """End the open canary, so many hours on."""
    at = AT + hours * HOUR
    rollback(session, persona=PIRATE, to_version=None, reason="never mind", actor="me", at=at)


def test_a_canary_that_was_stopped_leaves_the_champion_in_its_place_since_it_came_there(session: Session):
    persona = add_persona(session)
    add_canary(session, persona, number=1, at=AT + HOUR)
    stop(session, hours=2)
    assert live_at(session, PIRATE, AT + 2 * HOUR).champion.since is None
    decision = add_decision(session, add_version(session, persona, number=2), verdict="PASS")
    promote(session, decision_id=decision.id, actor="night", at=AT + 3 * HOUR)
    add_canary(session, persona, number=3, at=AT + 4 * HOUR)
    stop(session, hours=5)
    champion, why = live_at(session, PIRATE, AT + 9 * HOUR).champion, why_live(session, PIRATE)
    assert (champion.version, champion.since, champion.actor) == (2, AT + 3 * HOUR, "night")
    assert (why["version"], why["since"], why["kind"]) == (2, champion.since.isoformat(), "full")


def test_before_the_persona_was_nothing_was_live(session: Session):
    add_persona(session)
    with pytest.raises(NotYetThere, match="from its creation on, 2026-11-20 12:00:00 UTC"):
        live_at(session, PIRATE, AT - HOUR)


def test_the_plain_base_rests_on_nothing(session: Session):
    add_persona(session)
    found = why_live(session, PIRATE)
    assert (found["version"], found["decision"], found["learnt"], found["canary"]) == (0, None, None, None)


def test_an_unknown_persona_is_named(session: Session):
    with pytest.raises(UnknownPersona, match="nobody"):
        live_at(session, "nobody", AT)
