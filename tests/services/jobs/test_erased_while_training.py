"""A rater is erased while a training learns from them: what it says afterwards repeats nothing."""

from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import Engine, select

from services.adapters.freezing import freeze
from services.db.lineage_tables import AdapterVersionRow, CheckpointScoreRow, TrainingSetRow
from services.db.session import session_scope
from services.domain.progress import CheckpointScored
from services.domain.training import Evaluation, Objective, StageResult, TrainedAdapter
from services.jobs.installation import Installation
from services.jobs.train import train_with
from services.training.trainer import TrainingJob
from tests.builders import AT, add_persona
from tests.fakes import FakeTrainer
from tests.lineage_builders import add_training_set

QUOTED = ("as somebody wrote",)


@dataclass
class Quoting(FakeTrainer):
    """Its checkpoints answer as somebody wrote; in the middle the set is redacted, if an engine is given."""

    engine: Engine | None = None

    def train(self, job: TrainingJob, *, progress) -> TrainedAdapter:
        trained = super().train(job, progress=progress)
        if self.engine:
            with session_scope(self.engine) as session:
                session.scalars(select(TrainingSetRow)).one().redacted_at = AT
        progress(CheckpointScored(1, 1, 1.0, QUOTED))
        return trained

    def _stage(self, objective: Objective, tokens: int) -> StageResult:
        stage = super()._stage(objective, tokens)
        return replace(stage, evaluations=(Evaluation(1, 1.0, QUOTED),))


def trained_by(installation: Installation, trainer: Quoting, folder: Path) -> list[list[str]]:
    """What the checkpoints answered, in every place that keeps it."""
    rows = folder / "rows.jsonl"
    rows.write_text("{}\n")
    frozen = freeze(installation.settings.store_url, rows)
    with session_scope(installation.engine) as session:
        training_set = add_training_set(session, add_persona(session), digest=frozen.digest, path=frozen.path)
        training_set.plan = training_set.plan | {"stages": ["sft"]}
    version_id = train_with(installation, trainer, training_set.id, [])
    with session_scope(installation.engine) as session:
        version = session.get_one(AdapterVersionRow, version_id)
        assert (version.tainted_at is not None) is (trainer.engine is not None)
        kept = [one["previews"] for stage in version.provenance["stages"] for one in stage["evaluations"]]
        return kept + list(session.scalars(select(CheckpointScoreRow.previews)))


def test_what_checkpoints_answered_is_kept(installation: Installation, tmp_path: Path):
    assert trained_by(installation, Quoting(), tmp_path) == [list(QUOTED)] * 2


def test_nothing_they_answered_is_kept_of_a_set_that_was_redacted_meanwhile(
    installation: Installation, tmp_path: Path
):
    assert trained_by(installation, Quoting(engine=installation.engine), tmp_path) == [[], []]
