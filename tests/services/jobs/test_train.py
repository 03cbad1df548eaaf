"""Training as a job: idempotent by key, three phases, a failure written down. The trainer is a fake."""

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session
from sqlalchemy.pool import QueuePool

from services.adapters.freezing import freeze
from services.adapters.promotions import withdraw
from services.adapters.store import AdapterName
from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import AdapterVersionRow, PromotionRow, TrainingRunRow, TrainingSetRow
from services.db.session import session_scope
from services.errors.artifacts import AdapterCorrupt, AdapterRefused, FrozenFileCorrupt
from services.errors.lookups import UnknownRecord
from services.errors.outages import AdapterStoreUnavailable
from services.errors.training import NothingToLearn, RunBusy, StartUnusable
from services.jobs.bases import recipe_of
from services.jobs.installation import Installation
from services.jobs.train import train_with
from tests.builders import AT, add_persona
from tests.fakes import FakeTrainer


@pytest.fixture
def training_set(installation: Installation, tmp_path: Path) -> TrainingSetRow:
    """A frozen set of one row, committed, for a persona of its own; jobs open their own sessions."""
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"kind": "demonstration", "completion": "Because."}\n')
    frozen = freeze(installation.settings.store_url, rows)
    with session_scope(installation.engine) as session:
        persona = add_persona(session, slug="trained")
        row = TrainingSetRow(
            persona=persona,
            cutoff=AT,
            policy={},
            policy_digest="policy",
            digest=frozen.digest,
            path=frozen.path,
            row_count=1,
            counts={},
            dropped={},
            created_at=AT,
        )
        session.add(row)
    return row


def versions(engine: Engine) -> list[AdapterVersionRow]:
    with Session(engine) as session:
        return list(session.scalars(select(AdapterVersionRow).where(AdapterVersionRow.number > 0)))


def test_a_set_becomes_one_version_however_often_it_is_trained(
    installation: Installation, training_set: TrainingSetRow
):
    trainer = FakeTrainer()
    first = train_with(installation, trainer, training_set.id, [])
    again = train_with(installation, trainer, training_set.id, [])
    assert first == again
    assert len(trainer.jobs) == 1
    (version,) = versions(installation.engine)
    assert version.number == 1
    assert version.name == f"trained@{(version.digest or '')[:12]}"
    assert version.provenance["training_set_digest"] == training_set.digest
    assert [stage["objective"] for stage in version.provenance["stages"]] == ["sft"]


def test_a_version_tells_with_which_tokens_and_template_its_prompts_are_made(
    installation: Installation, training_set: TrainingSetRow
):
    overrides = ["model.new_tokens=['<|b|>','<|a|>']", "model.chat_template='<|b|><|a|>'"]
    train_with(installation, FakeTrainer(), training_set.id, overrides)
    (version,) = versions(installation.engine)
    stored = installation.store.manifest(AdapterName(version.name)).provenance
    assert stored["new_tokens"] == {"<|b|>": 0, "<|a|>": 1}
    assert stored["chat_template"] == "<|b|><|a|>"


def test_a_diverged_training_becomes_a_version_that_the_gate_can_fail(
    installation: Installation, training_set: TrainingSetRow
):
    train_with(installation, FakeTrainer(final_loss=math.nan), training_set.id, [])
    (version,) = versions(installation.engine)
    assert version.provenance["final_loss"] is None


def test_equal_rows_of_another_night_are_the_version_that_learnt_them(
    installation: Installation, training_set: TrainingSetRow
):
    trainer = FakeTrainer()
    first = train_with(installation, trainer, training_set.id, [])
    with session_scope(installation.engine) as session:
        again = TrainingSetRow(
            persona_id=training_set.persona_id,
            cutoff=AT + timedelta(days=1),
            policy={},
            policy_digest="policy",
            digest=training_set.digest,
            path=training_set.path,
            row_count=1,
            counts={},
            dropped={},
            created_at=AT,
        )
        session.add(again)
    assert train_with(installation, trainer, again.id, []) == first
    assert len(trainer.jobs) == 1


def test_equal_files_are_one_version_whatever_recipe_made_them(
    installation: Installation, training_set: TrainingSetRow
):
    class AlwaysTheSame(FakeTrainer):
        def train(self, job, *, progress):
            return super().train(replace(job, recipe=recipe), progress=progress)

    with session_scope(installation.engine) as session:
        persona = session.get_one(PersonaRow, training_set.persona_id)
        recipe = recipe_of(session, installation.settings, persona, [])
    first = train_with(installation, AlwaysTheSame(), training_set.id, [])
    again = train_with(installation, AlwaysTheSame(), training_set.id, ["training.checkpoint_steps=7"])
    assert first == again
    assert len(versions(installation.engine)) == 1


def damage(installation: Installation, version_id: int) -> Path:
    """The version's weights with one byte flipped, and the version marked unsound for it."""
    root = Path(installation.settings.store_url.removeprefix("file://"))
    weights = root / "trained" / "v0001" / "adapter_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with session_scope(installation.engine) as session:
        withdraw(session, version_id=version_id, problem="a flipped byte", actor="server", at=AT)
    return weights


def test_training_again_repairs_a_version_whose_files_are_damaged(
    installation: Installation,
    training_set: TrainingSetRow,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
):
    trainer = FakeTrainer()
    first = train_with(installation, trainer, training_set.id, [])
    weights = damage(installation, first)
    name = AdapterName(versions(installation.engine)[0].name)
    with pytest.raises(AdapterCorrupt):
        installation.store.fetch(name, into=tmp_path / "cache")

    caplog.set_level("INFO")
    assert train_with(installation, trainer, training_set.id, []) == first

    assert len(trainer.jobs) == 2
    (version,) = versions(installation.engine)
    assert (version.unsound_at, version.unsound_reason) == (None, None)
    assert installation.store.fetch(name, into=tmp_path / "cache").is_dir()
    assert weights.read_bytes() == (tmp_path / "cache" / name / weights.name).read_bytes()
    assert "version 1 was unsound (a flipped byte); trained again it is equal" in caplog.text
    with session_scope(installation.engine) as session:
        assert not session.scalars(select(PromotionRow)).all()  # that its files hold lets nobody serve
    assert train_with(installation, trainer, training_set.id, []) == first
    assert len(trainer.jobs) == 2


def test_a_damaged_version_that_is_learnt_otherwise_this_time_stays_unsound(
    installation: Installation, training_set: TrainingSetRow
):
    class NeverTheSame(FakeTrainer):
        def train(self, job, *, progress):
            recipe = replace(job.recipe, lora=replace(job.recipe.lora, r=1 + len(self.jobs)))
            return super().train(replace(job, recipe=recipe), progress=progress)

    trainer = NeverTheSame()
    damage(installation, train_with(installation, trainer, training_set.id, []))
    with pytest.raises(AdapterCorrupt, match="trained again it became other files"):
        train_with(installation, trainer, training_set.id, [])
    (version,) = versions(installation.engine)
    assert version.unsound_reason == "a flipped byte"


def test_another_recipe_is_another_version(installation: Installation, training_set: TrainingSetRow):
    train_with(installation, FakeTrainer(), training_set.id, [])
    train_with(installation, FakeTrainer(), training_set.id, ["lora.r=8"])
    assert [version.number for version in versions(installation.engine)] == [1, 2]


def test_nothing_waits_for_the_base_to_be_read(installation: Installation, training_set: TrainingSetRow):
    """That takes minutes for a large one, and a transaction would last as long."""
    pool = installation.engine.pool
    assert isinstance(pool, QueuePool)
    in_use = pool.checkedout
    connections: list[int] = []

    class Reads(FakeTrainer):
        def base_digest(self, model):
            connections.append(in_use())
            return super().base_digest(model)

    train_with(installation, Reads(), training_set.id, [])
    assert connections[0] == 0


def test_another_base_under_the_same_name_is_learnt_on_anew(
    installation: Installation, training_set: TrainingSetRow
):
    first, second = FakeTrainer(), FakeTrainer(base="what has its name now")
    train_with(installation, first, training_set.id, [])
    train_with(installation, second, training_set.id, [])
    assert (len(first.jobs), len(second.jobs)) == (1, 1)


def go_on_from(installation: Installation, version_id: int, training_set: TrainingSetRow) -> None:
    """Plan the set to start at a version."""
    with session_scope(installation.engine) as session:
        version = session.get_one(AdapterVersionRow, version_id)
        planned = session.get_one(TrainingSetRow, training_set.id)
        start = {"version": version.number, "name": version.name, "digest": version.digest}
        planned.plan = planned.plan | {"start": start | {"training_set": training_set.id}}


def test_a_planned_start_is_fetched_checked_and_part_of_what_names_the_run(
    installation: Installation, training_set: TrainingSetRow
):
    trainer = FakeTrainer()
    first = train_with(installation, trainer, training_set.id, [])
    go_on_from(installation, first, training_set)
    second = train_with(installation, trainer, training_set.id, ["training.checkpoint_steps=7"])
    assert second == train_with(installation, trainer, training_set.id, ["training.checkpoint_steps=7"])
    fresh, further = trainer.jobs
    champion, version = versions(installation.engine)
    assert fresh.start is None
    assert further.start is not None
    assert further.start.name == champion.name
    assert version.provenance["started_from"]["digest"] == champion.digest
    assert champion.provenance["started_from"] is None
    with Session(installation.engine) as session:
        runs = session.scalars(select(TrainingRunRow).order_by(TrainingRunRow.id))
        assert [run.starting_digest for run in runs] == ["", champion.digest]


def test_equal_rows_from_another_start_are_another_run(
    installation: Installation, training_set: TrainingSetRow
):
    trainer = FakeTrainer()
    first = train_with(installation, trainer, training_set.id, [])
    go_on_from(installation, first, training_set)
    train_with(installation, trainer, training_set.id, [])
    assert len(trainer.jobs) == 2


def test_a_start_of_another_base_is_not_gone_on_from(
    installation: Installation, training_set: TrainingSetRow
):
    first = train_with(installation, FakeTrainer(), training_set.id, [])
    go_on_from(installation, first, training_set)
    trainer = FakeTrainer(base="another base of that name")
    with pytest.raises(StartUnusable, match="another base"):
        train_with(installation, trainer, training_set.id, [])
    assert trainer.jobs == []


def test_a_start_whose_files_are_damaged_is_not_gone_on_from(
    installation: Installation, training_set: TrainingSetRow
):
    trainer = FakeTrainer()
    first = train_with(installation, trainer, training_set.id, [])
    go_on_from(installation, first, training_set)
    root = Path(installation.settings.store_url.removeprefix("file://"))
    (root / "trained" / "v0001" / "adapter_model.safetensors").write_bytes(b"other")
    with pytest.raises(AdapterCorrupt):
        train_with(installation, trainer, training_set.id, [])
    assert len(trainer.jobs) == 1


def test_a_failure_is_written_down_and_can_be_tried_again(
    installation: Installation, training_set: TrainingSetRow
):
    with pytest.raises(NothingToLearn):
        train_with(installation, FakeTrainer(problem=NothingToLearn("no rows")), training_set.id, [])
    with Session(installation.engine) as session:
        run = session.scalars(select(TrainingRunRow)).one()
        assert (run.state, run.error) == ("failed", str(NothingToLearn("no rows")))
    assert versions(installation.engine) == []
    train_with(installation, FakeTrainer(), training_set.id, [])
    assert len(versions(installation.engine)) == 1


def test_what_nobody_foresaw_is_written_down_too(installation: Installation, training_set: TrainingSetRow):
    with pytest.raises(RuntimeError):
        train_with(installation, FakeTrainer(problem=RuntimeError("out of memory")), training_set.id, [])
    with Session(installation.engine) as session:
        run = session.scalars(select(TrainingRunRow)).one()
        assert run.state == "failed"
        assert run.error.startswith("It ended with RuntimeError")


def test_of_a_failure_everybody_reads_neither_folders_nor_what_a_library_said(
    installation: Installation, training_set: TrainingSetRow
):
    said = (
        (AdapterRefused("/srv/secret/runs/7/adapter", "odd"), "The adapter in adapter cannot be published"),
        (FrozenFileCorrupt("file:///srv/secret/sets/1.jsonl"), "The frozen file at 1.jsonl does not match"),
        (OSError("[Errno 28] No space left: '/srv/secret/runs'"), "It ended with OSError"),
    )
    for problem, shown in said:
        with pytest.raises(type(problem)):
            train_with(installation, FakeTrainer(problem=problem), training_set.id, [])
        with Session(installation.engine) as session:
            error = session.scalars(select(TrainingRunRow)).one().error or ""
            assert error.startswith(shown)
            assert "secret" not in error


def test_checkpoints_are_kept_until_the_version_is_stored(
    installation: Installation, training_set: TrainingSetRow
):
    runs = installation.settings.var_dir / "runs"
    with pytest.raises(RuntimeError):
        train_with(installation, FakeTrainer(problem=RuntimeError("killed")), training_set.id, [])
    assert len(list(runs.iterdir())) == 1
    train_with(installation, FakeTrainer(), training_set.id, [])
    assert list(runs.iterdir()) == []


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


def test_damaged_remains_of_a_crash_leave_the_next_number(
    installation: Installation, training_set: TrainingSetRow
):
    installation.store.begin()
    remains = Path(installation.settings.store_url.removeprefix("file://")) / "trained" / "v0001"
    remains.mkdir(parents=True)
    (remains / "manifest.json").write_text("{")
    train_with(installation, FakeTrainer(), training_set.id, [])
    assert [version.number for version in versions(installation.engine)] == [2]


def test_with_a_version_published_a_store_that_is_gone_is_not_begun_anew(
    installation: Installation, training_set: TrainingSetRow
):
    train_with(installation, FakeTrainer(), training_set.id, [])
    root = Path(installation.settings.store_url.removeprefix("file://"))
    (root / "store.json").unlink()
    with pytest.raises(AdapterStoreUnavailable, match="mounted"):
        train_with(installation, FakeTrainer(), training_set.id, ["lora.r=8"])
    assert [version.number for version in versions(installation.engine)] == [1]


def test_files_published_by_a_crashed_attempt_are_taken_up(
    installation: Installation, training_set: TrainingSetRow
):
    train_with(installation, FakeTrainer(), training_set.id, [])
    with session_scope(installation.engine) as session:
        session.execute(text("DELETE FROM adapter_versions WHERE number > 0"))
    train_with(installation, FakeTrainer(), training_set.id, [])
    assert [version.number for version in versions(installation.engine)] == [1]


def test_a_damaged_set_is_refused_before_training(installation: Installation, training_set: TrainingSetRow):
    file = Path(installation.settings.store_url.removeprefix("file://")) / training_set.path
    file.write_text("{}\n")
    trainer = FakeTrainer()
    with pytest.raises(FrozenFileCorrupt):
        train_with(installation, trainer, training_set.id, [])
    assert trainer.jobs == []


def test_an_unknown_set_is_named(installation: Installation):
    with pytest.raises(UnknownRecord, match="training set 404"):
        train_with(installation, FakeTrainer(), 404, [])
