"""A run is trained by one process at a time, also when its database lock is lost on the way."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from services.db.lineage_tables import TrainingRunRow, TrainingSetRow
from services.db.session import session_scope
from services.errors.refusals import SetLearntNow
from services.errors.training import RunBusy
from services.jobs.installation import Installation
from services.jobs.train import train_with
from tests.fakes import FakeTrainer
from tests.lineage_builders import add_training_set
from tests.services.jobs.training import versions


def test_a_run_that_another_process_works_on_is_left_to_it(
    installation: Installation, training_set: TrainingSetRow
):
    class Intruder(FakeTrainer):
        def train(self, job, *, progress):
            with pytest.raises(RunBusy):
                train_with(installation, FakeTrainer(), training_set.id, [])
            return super().train(job, progress=progress)

    train_with(installation, Intruder(), training_set.id, [])
    assert len(versions(installation.engine)) == 1


def test_equal_rows_that_another_run_learns_now_are_left_to_it(
    installation: Installation, training_set: TrainingSetRow
):
    with session_scope(installation.engine) as session:
        one = session.get_one(TrainingSetRow, training_set.id)
        same = {"digest": one.digest, "path": one.path, "plan": one.plan, "report": one.report}
        twin = add_training_set(session, one.persona, cutoff=one.cutoff + timedelta(seconds=3), **same).id

    class Beside(FakeTrainer):
        def train(self, job, *, progress):
            with pytest.raises(
                SetLearntNow, match=rf"set {training_set.id}, which training run \d+ learns now"
            ):
                train_with(installation, FakeTrainer(), twin, [])
            return super().train(job, progress=progress)

    version = train_with(installation, Beside(), training_set.id, [])
    with session_scope(installation.engine) as session:
        assert len(session.scalars(select(TrainingRunRow)).all()) == 1
    assert train_with(installation, FakeTrainer(), twin, []) == version


def cut_the_locks(engine: Engine) -> None:
    """What a restart of PostgreSQL does to connections that hold an advisory lock."""
    with session_scope(engine) as session:
        session.execute(
            text(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks"
                " WHERE locktype = 'advisory' AND classid = 7001"
            )
        )


class CutOff(FakeTrainer):
    """Reports progress after its database lock was cut, from what it is told to do in between."""

    def __init__(self, engine: Engine, meanwhile: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self._engine, self._meanwhile = engine, meanwhile

    def train(self, job, *, progress):
        cut_the_locks(self._engine)
        self._meanwhile()
        return super().train(job, progress=progress)


def test_a_training_whose_database_lock_is_cut_is_still_alone_on_its_machine(
    installation: Installation, training_set: TrainingSetRow
):
    def intrude() -> None:
        with pytest.raises(RunBusy):
            train_with(installation, FakeTrainer(), training_set.id, [])

    train_with(installation, CutOff(installation.engine, intrude), training_set.id, [])
    with Session(installation.engine) as session:
        assert [run.state for run in session.scalars(select(TrainingRunRow))] == ["succeeded"]


def test_a_lost_database_lock_is_taken_again_with_the_next_report(
    installation: Installation, training_set: TrainingSetRow
):
    held: list[int] = []

    class Watched(CutOff):
        def train(self, job, *, progress):
            trained = super().train(job, progress=progress)
            with session_scope(self._engine) as session:
                locks = text("SELECT objid FROM pg_locks WHERE locktype = 'advisory' AND classid = 7001")
                held.extend(session.scalars(locks))
            return trained

    train_with(installation, Watched(installation.engine), training_set.id, [])
    with Session(installation.engine) as session:
        assert held == list(session.scalars(select(TrainingRunRow.id)))
        assert session.scalars(text("SELECT 1 FROM pg_locks WHERE classid = 7001")).all() == []


def test_a_lock_lost_at_the_very_end_is_no_failure(installation: Installation, training_set: TrainingSetRow):
    class CutAtTheEnd(FakeTrainer):
        def train(self, job, *, progress):
            trained = super().train(job, progress=progress)
            cut_the_locks(installation.engine)
            return trained

    train_with(installation, CutAtTheEnd(), training_set.id, [])
    assert len(versions(installation.engine)) == 1


def test_who_lost_the_run_to_another_machine_ends_and_leaves_its_end_to_that(
    installation: Installation, training_set: TrainingSetRow
):
    with installation.engine.connect() as other:

        def overtake() -> None:
            other.execute(text("SELECT pg_advisory_lock(7001, id) FROM training_runs"))
            other.commit()

        with pytest.raises(RunBusy):
            train_with(installation, CutOff(installation.engine, overtake), training_set.id, [])
        other.execute(text("SELECT pg_advisory_unlock_all()"))
    with Session(installation.engine) as session:
        assert [run.state for run in session.scalars(select(TrainingRunRow))] == ["running"]
