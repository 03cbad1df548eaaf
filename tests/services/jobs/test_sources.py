"""Walking the chain forward on a real database: from a rating to what it shaped, or why it shaped nothing."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from services.adapters.freezing import freeze
from services.adapters.promoting import promote, start_canary
from services.adapters.promotions import rollback
from services.cli.tracing import tell_source
from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import AdapterVersionRow, TrainingSetRow, TrainingSetSourcesRow
from services.domain.personas import PersonaSlug
from services.domain.training import RunState
from services.errors.lookups import UnknownSource
from services.errors.tree import InvalidInput
from services.jobs.sources import sets_with, shaped_by, trace
from services.training_sets.skipping import Skipped, record_skip
from tests.builders import AT, add_answer, add_comparison, add_correction, add_persona, add_rating, add_seed
from tests.lineage_builders import add_decision, add_run, add_training_set, add_version

Record = dict[str, Any]
Why = Callable[[str], Record]


@pytest.fixture
def persona(session: Session) -> PersonaRow:
    return add_persona(session)


@pytest.fixture
def rating(session: Session, persona: PersonaRow) -> str:
    return add_rating(session, add_answer(session, persona))


@pytest.fixture
def store(tmp_path: Path) -> str:
    return f"file://{tmp_path / 'store'}"


@pytest.fixture
def why(session: Session, store: str) -> Why:
    def ask(source: str) -> Record:
        kind, _, number = source.partition(":")
        record = trace(session, store, kind, int(number))
        assert all(len(line) <= 80 for line in tell_source(record))
        return record

    return ask


def learn(session: Session, training_set: TrainingSetRow, source: str) -> None:
    kind, _, number = source.partition(":")
    session.add(TrainingSetSourcesRow(training_set_id=training_set.id, kind=kind, ids=[int(number)]))
    session.flush()


def trained(session: Session, training_set: TrainingSetRow) -> AdapterVersionRow:
    version = add_version(session, training_set.persona)
    version.training_run_id = add_run(session, training_set, state=RunState.SUCCEEDED).id
    session.flush()
    return version


def test_the_sets_that_learnt_from_a_rating_are_found(session: Session):
    persona = add_persona(session)
    learnt, other = (
        TrainingSetRow(
            persona_id=persona.id,
            cutoff=AT,
            policy={},
            policy_digest=digest,
            digest=digest,
            path="path",
            row_count=1,
            counts={},
            dropped={},
            created_at=AT,
        )
        for digest in ("learnt", "other")
    )
    session.add_all([learnt, other])
    session.flush()
    session.add(TrainingSetSourcesRow(training_set_id=learnt.id, kind="rating", ids=[3, 12]))
    session.add(TrainingSetSourcesRow(training_set_id=other.id, kind="correction", ids=[12]))
    session.flush()
    assert sets_with(session, "rating", 12) == [learnt]
    assert sets_with(session, "rating", 4) == []


def test_the_sets_that_went_on_from_what_learnt_a_rating_are_found_too(session: Session):
    persona = add_persona(session)
    learnt = add_training_set(session, persona)
    second, third = (
        add_training_set(session, persona, plan={"start": {"training_set": before}})
        for before in (learnt.id, learnt.id + 1)
    )
    fresh = add_training_set(session, persona, plan={"start": None})
    session.add(TrainingSetSourcesRow(training_set_id=learnt.id, kind="rating", ids=[3, 12]))
    session.flush()
    assert second.id == learnt.id + 1
    assert sets_with(session, "rating", 12) == [learnt, second, third]
    assert fresh not in sets_with(session, "rating", 3)


def test_something_said_since_the_last_set_says_so(
    session: Session, persona: PersonaRow, rating: str, why: Why
):
    assert why(rating)["why_not"] == "no training set was made since it was said"
    add_training_set(session, persona, cutoff=AT - timedelta(hours=1))
    assert "the last one is up to 2026-11-20T11:00" in why(rating)["why_not"]
    record_skip(session, persona, Skipped("too little", {}), cutoff=AT + timedelta(hours=1), at=AT)
    assert why(rating)["why_not"].endswith("the night up to 2026-11-20T13:00:00+00:00: too little")


def test_what_was_left_out_names_the_set_and_the_reason(
    session: Session, persona: PersonaRow, rating: str, why: Why, store: str, tmp_path: Path
):
    file = tmp_path / "excluded.jsonl"
    other = f"{rating}0"  # begins alike
    lines = [(["correction:1", rating], "held out to judge"), ([other], "longer than the context")]
    file.write_text("".join(json.dumps({"sources": one, "reason": why}) + "\n" for one, why in lines))
    frozen = freeze(store, file)
    report = {"excluded": {"digest": frozen.digest, "path": frozen.path}}
    first = add_training_set(session, persona, report=report)
    add_training_set(
        session, persona, cutoff=AT + timedelta(days=1)
    )  # of an earlier release, without a report
    assert why(rating)["why_not"] == f"left out of training set {first.id}: held out to judge"


def test_what_would_have_been_without_a_rater_is_no_reason(
    session: Session, persona: PersonaRow, rating: str, why: Why, store: str, tmp_path: Path
):
    sets = []
    for reason, policy in (("held out to judge", {}), ("left out on request", {"without": ["somebody"]})):
        file = tmp_path / "excluded.jsonl"
        file.write_text(json.dumps({"sources": [rating], "reason": reason}) + "\n")
        frozen = freeze(store, file)
        report = {"excluded": {"digest": frozen.digest, "path": frozen.path}}
        sets.append(add_training_set(session, persona, report=report, policy=policy))
    assert why(rating)["why_not"] == f"left out of training set {sets[0].id}: held out to judge"


def test_what_was_written_down_after_the_sets_of_its_time_were_made_says_so(
    session: Session, persona: PersonaRow, rating: str, why: Why
):
    add_training_set(session, persona)
    assert "was written down after they were made" in why(rating)["why_not"]


def test_a_set_rebuilt_without_a_rater_shaped_something_only_where_it_was_trained(
    session: Session, persona: PersonaRow, rating: str, why: Why
):
    learnt, rebuilt = (add_training_set(session, persona, policy=one) for one in ({}, {"without": ["other"]}))
    for one in (learnt, rebuilt):
        learn(session, one, rating)
    assert [shaped["training_set"] for shaped in why(rating)["shaped"]] == [learnt.id]
    trained(session, rebuilt)
    first, second = why(rating)["shaped"]
    assert (first["training_set"], first["how"]) == (learnt.id, "learnt from it")
    assert (second["training_set"], second["version"]) == (rebuilt.id, 1)
    assert second["how"] == "rebuilt without the word of a rater, learnt from it"


def test_a_set_that_trained_no_version_says_what_became_of_its_run(
    session: Session, persona: PersonaRow, rating: str, why: Why
):
    training_set = add_training_set(session, persona)
    learn(session, training_set, rating)
    [shaped] = why(rating)["shaped"]
    assert (shaped["version"], shaped["outcome"]) == (None, "nothing was trained on it yet")
    run = add_run(session, training_set, state=RunState.FAILED)
    run.error = "Memory ran out."
    [shaped] = why(rating)["shaped"]
    assert shaped["outcome"] == f"training run {run.id} is failed and made no version: Memory ran out."


def test_a_version_says_its_verdict_and_whether_it_serves(
    session: Session, persona: PersonaRow, rating: str, why: Why
):
    training_set = add_training_set(session, persona)
    learn(session, training_set, rating)
    version = trained(session, training_set)

    def outcome() -> str:
        [shaped] = why(rating)["shaped"]
        assert shaped["version"] == version.number
        return str(shaped["outcome"])

    later = add_training_set(session, persona, plan={"start": {"training_set": training_set.id}})
    told = [(one["training_set"], one["how"]) for one in why(rating)["shaped"]]
    went_on = "went on from a set that learnt from it"
    assert told == [(training_set.id, "learnt from it"), (later.id, went_on)]
    session.delete(later)
    session.flush()
    assert outcome() == "no gate has judged it; it has served nobody"
    decision = add_decision(session, version, verdict="FAIL")
    assert outcome() == f"FAIL in decision {decision.id}; it has served nobody"
    decision = add_decision(session, version, verdict="PASS")
    start_canary(session, decision_id=decision.id, share=0.5, actor="me", reason="let us see", at=AT)
    assert outcome() == f"PASS in decision {decision.id}; some conversations go to it, in a canary"
    rollback(session, persona=PersonaSlug("pirate"), to_version=None, reason="x", actor="ann", at=AT)
    assert "; a canary of it began at 2026-11-20T12:00" in outcome()
    promote(session, decision_id=decision.id, actor="night", at=AT)
    assert outcome() == f"PASS in decision {decision.id}; it serves"
    rollback(session, persona=PersonaSlug("pirate"), to_version=0, reason="x", actor="ann", at=AT)
    assert "served first from 2026-11-20T12:00" in outcome()


def test_every_kind_of_source_is_found_with_its_persona(session: Session, persona: PersonaRow, why: Why):
    left, right = (add_answer(session, persona, text=text) for text in ("It scatters.", "Arr."))
    for source in (
        add_rating(session, left),
        add_correction(session, left, "Arr, it scatters!"),
        add_comparison(session, left, right),
        add_seed(session, persona, "Who are you?", "Arr."),
    ):
        assert (why(source)["source"], why(source)["persona"]) == (source, "pirate")


@pytest.mark.parametrize("number", [404, 10**30])
@pytest.mark.parametrize("kind", ["rating", "correction", "comparison", "seed"])
def test_what_nobody_said_is_not_found(session: Session, kind: str, number: int):
    with pytest.raises(UnknownSource, match=f"no {kind} {number}"):
        trace(session, "file:///nowhere", kind, number)


@pytest.mark.parametrize("source", ["rating:abc", "rating:", "opinion:1", ":", "rating:" + "9" * 5_000])
def test_what_is_no_source_gets_a_sentence(source: str):
    with pytest.raises(InvalidInput, match="rating:12"):
        shaped_by(source)
