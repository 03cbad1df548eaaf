"""Training as a job: idempotent by key, three phases, a failure written down. The trainer is a fake."""

import math
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlalchemy.pool import QueuePool

from services.adapters.store import AdapterName
from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import AdapterVersionRow, TrainingRunRow, TrainingSetRow
from services.db.session import session_scope
from services.errors.artifacts import AdapterCorrupt, AdapterRefused, FrozenFileCorrupt
from services.errors.lookups import UnknownRecord
from services.errors.training import NothingToLearn, StartUnusable
from services.jobs.bases import recipe_of
from services.jobs.installation import Installation
from services.jobs.train import train_with
from tests.builders import AT
from tests.fakes import FakeTrainer
from tests.services.jobs.training import versions


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
