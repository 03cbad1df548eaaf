"""What is said of a training run: running only while a process holds it, and all that it told."""

import math

from sqlalchemy import Engine, update
from sqlalchemy.orm import Session

from services.adapters.promotions import find_persona
from services.db.lineage_tables import TrainingRunRow, TrainingSetRow
from services.db.session import session_scope
from services.domain.training import RunState
from services.jobs.installation import Installation
from services.jobs.status import personas_in
from services.jobs.train import train_with
from services.training.watching import run_page, runs_of
from tests.builders import add_persona
from tests.fakes import FakeTrainer
from tests.lineage_builders import add_decision, add_run, add_training_set, add_version

CHAIN = ("training_set", "run", "version", "decision", "verdict")


def shown(engine: Engine) -> str:
    with session_scope(engine) as session:
        (record,) = personas_in(session)
    return str(record["run"])


def test_a_run_is_running_while_it_is_trained_and_then_succeeded(
    installation: Installation, training_set: TrainingSetRow
):
    seen: list[str] = []

    class WatchedTrainer(FakeTrainer):
        def train(self, job, *, progress):
            seen.append(shown(installation.engine))
            return super().train(job, progress=progress)

    train_with(installation, WatchedTrainer(), training_set.id, [])
    assert [*seen, shown(installation.engine)] == ["running", "succeeded"]


def test_a_run_whose_process_was_killed_is_interrupted(
    installation: Installation, training_set: TrainingSetRow
):
    train_with(installation, FakeTrainer(), training_set.id, [])
    with session_scope(installation.engine) as session:
        session.execute(update(TrainingRunRow).values(state=RunState.RUNNING))  # as a kill leaves it
    assert shown(installation.engine) == "interrupted"


def test_a_set_rebuilt_without_a_rater_is_not_the_newest(
    installation: Installation, training_set: TrainingSetRow
):
    with session_scope(installation.engine) as session:
        persona = session.get_one(TrainingSetRow, training_set.id).persona
        add_training_set(session, persona, policy={"without": ["somebody"]})
        (record,) = personas_in(session)
    assert record["training_set"] == training_set.id


def test_what_stands_beside_the_newest_set_is_what_it_led_to(session: Session):
    persona = add_persona(session)
    old = add_training_set(session, persona)
    version = add_version(session, persona)
    version.training_run_id = add_run(session, old, state=RunState.SUCCEEDED).id
    decision = add_decision(session, version, verdict="PASS")
    (record,) = personas_in(session)
    assert {name: record[name] for name in CHAIN} == {
        "training_set": old.id,
        "run": "succeeded",
        "version": 1,
        "decision": decision.id,
        "verdict": "PASS",
    }
    new = add_training_set(session, persona)
    (record,) = personas_in(session)
    assert [record[name] for name in CHAIN] == [new.id, None, None, None, None]
    add_run(session, new, state=RunState.FAILED)
    (record,) = personas_in(session)
    assert [record[name] for name in CHAIN] == [new.id, "failed", None, None, None]


def test_the_newest_decision_is_told_where_a_later_set_came_to_none(session: Session):
    persona = add_persona(session)
    assert personas_in(session)[0]["judged"] is None
    version = add_version(session, persona)
    version.training_run_id = add_run(
        session, add_training_set(session, persona), state=RunState.SUCCEEDED
    ).id
    decision = add_decision(session, version, verdict="FAIL")
    add_run(session, add_training_set(session, persona), state=RunState.SUCCEEDED)
    other = add_persona(session, slug="other")
    add_decision(session, add_version(session, other, digest="f" * 64), verdict="PASS")
    records = {one["persona"]: one for one in personas_in(session)}
    assert records[persona.slug]["judged"] == {"decision": decision.id, "version": 1, "verdict": "FAIL"}


def test_what_a_training_tells_is_kept_with_its_run(installation: Installation, training_set: TrainingSetRow):
    train_with(installation, FakeTrainer(final_loss=math.nan), training_set.id, [])
    with session_scope(installation.engine) as session:
        (summary,) = runs_of(session, find_persona(session, "trained"), limit=2)
        page = run_page(session, summary.id)
        (stage,) = page.stages
        assert (summary.version, summary.state) == (1, "succeeded")
        assert [(point.step, point.tokens_per_second) for point in stage.points] == [(1, 100.0)]
        assert (stage.result["steps"], stage.result["final_loss"]) == (1, None)
