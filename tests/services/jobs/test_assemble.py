"""Assembling as a job: which cutoffs it takes, and what it waits for."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from services.adapters.promotions import find_persona
from services.cli.telling import tell_skipped
from services.db.lineage_tables import TrainingSetRow
from services.db.session import session_scope
from services.errors.tree import InvalidInput
from services.evaluation.frozen_suites import frozen_items
from services.jobs.assemble import assemble, assemble_with
from services.jobs.installation import Installation
from services.jobs.training_sets import skipped_in
from services.training_sets.import_lock import begin_import
from tests.builders import AT, add_answer, add_persona, add_rating, add_seed
from tests.services.training_sets.conftest import POLICY, drawn


def test_a_cutoff_that_is_still_to_come_is_refused():
    """A set is found again by its cutoff: what was said between now and then would never enter it."""
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    with pytest.raises(InvalidInput, match="still to come"):
        assemble("pirate", tomorrow.isoformat())


def test_a_night_waits_for_an_import_that_began_before_its_cutoff(installation: Installation):
    with session_scope(installation.engine) as session:
        add_persona(session, example_policy=POLICY)
    with ThreadPoolExecutor(1) as night, session_scope(installation.engine) as importing:
        persona = find_persona(importing, "pirate")
        begin_import(importing, persona)
        learnt = [one for one in (f"What is {word} made of?" for word in "abcdefgh") if drawn(one) == "train"]
        for question in learnt:
            add_seed(importing, persona, question, f"On {question}")
        assembled = night.submit(assemble_with, installation, "pirate", AT + timedelta(minutes=1))
        with pytest.raises(TimeoutError):
            assembled.result(timeout=1)
    with Session(installation.engine) as session:
        training_set = session.get_one(TrainingSetRow, assembled.result()["training_set_id"])
        assert training_set.row_count == len(learnt)


def test_a_skipped_night_is_told_and_kept_with_what_became_of_everything(
    installation: Installation, caplog: pytest.LogCaptureFixture
):
    caplog.set_level("INFO")
    with session_scope(installation.engine) as session:
        persona = add_persona(session, example_policy=replace(POLICY, minimum_new=2))
        add_rating(session, add_answer(session, persona), stars=3)
    first = assemble_with(installation, "pirate", AT + timedelta(minutes=1))
    with session_scope(installation.engine) as session:
        add_rating(session, add_answer(session, find_persona(session, "pirate")), stars=1)
    again = assemble_with(installation, "pirate", AT + timedelta(minutes=1))
    later = assemble_with(installation, "pirate", AT + timedelta(minutes=2))

    waiting = {"waits until enough is new for a night": 1}
    assert first == {
        "skipped": "pirate: 1 new pieces of feedback, and 2 are needed",
        "counts": {},
        "dropped": waiting,
    }
    assert (
        f"{first['skipped']}; rows: none; left out: waits until enough is new for a night: 1" in caplog.text
    )
    assert sum(again["dropped"].values()) == 2
    kept = skipped_in(installation, "pirate")
    assert [(night["reason"], night["dropped"]) for night in kept] == [
        (night["skipped"], night["dropped"]) for night in (later, again)
    ]
    told = list(tell_skipped(kept[0]))
    assert told[0] == "No set, up to 2026-11-20 12:02 UTC"
    assert any("neither good nor poor by consensus" in line and line.endswith(" 2") for line in told)


def test_a_night_that_gives_a_set_at_last_is_no_skipped_night(installation: Installation):
    cutoff = AT + timedelta(minutes=1)
    with session_scope(installation.engine) as session:
        persona = add_persona(session, example_policy=replace(POLICY, minimum_new=2))
        learnt = next(
            one for one in ("Why is it wet?", "Why is it dry?", "Why now?") if drawn(one) == "train"
        )
        add_seed(session, persona, learnt, "So.")
    for night in (cutoff, cutoff + timedelta(minutes=1)):
        assert "skipped" in assemble_with(installation, "pirate", night)
    with session_scope(installation.engine) as session:
        add_rating(session, add_answer(session, find_persona(session, "pirate")), stars=3)
    assert "training_set_id" in assemble_with(installation, "pirate", cutoff)
    others = [night["cutoff"] for night in skipped_in(installation, "pirate")]
    assert others == [(cutoff + timedelta(minutes=1)).isoformat()]


def test_nothing_like_what_every_persona_is_asked_is_learnt(installation: Installation):
    asked = next(item.question.text for item in frozen_items() if not item.question.context)
    with session_scope(installation.engine) as session:
        persona = add_persona(session, example_policy=POLICY)
        for question in (asked, f"Tell, {asked}"):
            add_seed(session, persona, question, f"On {question}")
        learnt = next(one for one in (f"What is {word} made of?" for word in "abcd") if drawn(one) == "train")
        add_seed(session, persona, learnt, "Learnt.")
    assembled = assemble_with(installation, "pirate", AT + timedelta(minutes=1))
    with Session(installation.engine) as session:
        training_set = session.get_one(TrainingSetRow, assembled["training_set_id"])
        assert training_set.row_count == 1
        assert training_set.report["held_out"]["references"] == 2
        assert training_set.report["leaks"]["nearest"]["held_out_prompts"] == len(frozen_items()) + 1
