"""Training after a crash or damage: what is there is taken up, repaired, or left as it is."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select, text

from services.adapters.promotions import withdraw
from services.adapters.store import AdapterName
from services.db.lineage_tables import PromotionRow, TrainingSetRow
from services.db.session import session_scope
from services.errors.artifacts import AdapterCorrupt
from services.errors.outages import AdapterStoreUnavailable
from services.jobs.installation import Installation
from services.jobs.train import train_with
from tests.builders import AT
from tests.fakes import FakeTrainer
from tests.services.jobs.training import versions


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
