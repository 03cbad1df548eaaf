"""A sweep as a job: whose set, which files, and that nothing of it becomes a run or a version."""

import fcntl
import json
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

import pytest
from sqlalchemy import func, select

from services.adapters.disk import LOCK_FILE
from services.adapters.freezing import freeze
from services.adapters.promotions import find_persona
from services.db.lineage_tables import AdapterVersionRow, TrainingRunRow
from services.db.session import session_scope
from services.domain.training import Recipe
from services.errors.artifacts import BaseModelMissing
from services.errors.inputs import InvalidRecipe
from services.errors.lookups import NoTrainingSet, UnknownPersona, UnknownRecord
from services.errors.tree import InvalidInput
from services.jobs.installation import Installation
from services.jobs.sweep import sweep_in
from services.training.grid import read_grid
from services.training.sweeping import SweepJob, TrialResult
from tests.builders import add_persona
from tests.lineage_builders import add_training_set


@dataclass
class Attempts:
    """Every combination has its rank over a hundred as loss, and no rank of 64 can be trained."""

    recipes: list[Recipe] = field(default_factory=list)
    rows: list[str] = field(default_factory=list)

    def __call__(self, job: SweepJob, recipe: Recipe) -> TrialResult:
        self.recipes.append(recipe)
        self.rows.append(job.rows.read_text())
        if recipe.lora.r == 64:
            return TrialResult(error="Memory ran out.")
        return TrialResult(rows=5, held_out_loss=recipe.lora.r / 100, answers=2)


@pytest.fixture
def set_id(installation: Installation, tmp_path: Path) -> int:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"kind": "demonstration", "completion": "Because."}\n')
    frozen = freeze(installation.settings.store_url, rows)
    with session_scope(installation.engine) as session:
        persona = add_persona(session, slug="pirate", recipe_overrides=["lora.alpha=7"])
        add_training_set(session, persona)
        newest = add_training_set(session, persona, digest=frozen.digest, path=frozen.path).id
        add_training_set(session, persona, policy={"without": ["somebody"]})  # rebuilt, and not meant
        return newest


def test_the_newest_set_is_swept_and_written_and_nothing_is_registered(
    installation: Installation, set_id: int
):
    attempts = Attempts()
    found = sweep_in(
        installation,
        read_grid(["lora.r=32,8,64", "training.epochs=1.0"]),
        persona="",
        training_set_id=None,
        attempt=attempts,
    )
    assert [recipe.lora.r for recipe in attempts.recipes] == [32, 8, 64]
    assert {recipe.lora.alpha for recipe in attempts.recipes} == {7}  # the persona's own
    assert all("Because." in rows for rows in attempts.rows)
    assert (found.training_set_id, found.best) == (set_id, 1)

    record = json.loads((found.folder / "sweep.json").read_text())
    assert record["best"] == {"lora.r": "8", "training.epochs": "1.0"}
    assert [trial["held_out_loss"] for trial in record["trials"]] == [0.32, 0.08, None]
    assert record["trials"][2]["error"] == "Memory ran out."
    ElementTree.parse(found.folder / "sweep.svg")  # noqa: S314 - our own
    assert sorted(path.name for path in found.folder.iterdir()) == [".lock", "sweep.json", "sweep.svg"]

    with session_scope(installation.engine) as session:
        assert session.scalar(select(func.count()).select_from(TrainingRunRow)) == 0
        assert session.scalar(select(func.count()).where(AdapterVersionRow.number > 0)) == 0


def test_no_rows_stay_where_a_sweep_failed(installation: Installation, set_id: int):
    def fail(job: SweepJob, recipe: Recipe) -> TrialResult:
        raise BaseModelMissing(recipe.model.name, job.rows.read_text())

    grid = read_grid(["lora.r=8,16"])
    with pytest.raises(BaseModelMissing, match=r"Because\."):
        sweep_in(installation, grid, persona="", training_set_id=set_id, attempt=fail)
    assert not list((installation.settings.var_dir / "sweeps").rglob("*.jsonl"))


def test_an_equal_sweep_waits_for_the_rows(installation: Installation, set_id: int):
    grid = read_grid(["lora.r=8,16"])
    attempts = Attempts()

    def is_alone(job: SweepJob, recipe: Recipe) -> TrialResult:
        with (job.rows.parent / LOCK_FILE).open("wb") as lock, pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return attempts(job, recipe)

    sweep_in(installation, grid, persona="", training_set_id=set_id, attempt=is_alone)
    assert len(attempts.recipes) == 2


def test_a_bad_value_anywhere_in_the_grid_stops_it_before_anything_is_trained(
    installation: Installation, set_id: int
):
    attempts = Attempts()
    for grid, sentence in (
        (["lora.rank=8,16"], "lora.r"),
        (["lora.r=8,100000"], "between"),
        (["lora.r=8,eight"], "integer"),
        (["model.name=a,b"], "BASE_MODEL"),
    ):
        with pytest.raises(InvalidRecipe, match=sentence):
            sweep_in(installation, read_grid(grid), persona="", training_set_id=set_id, attempt=attempts)
    assert not attempts.recipes


def test_whose_set_it_is_must_be_clear(installation: Installation, set_id: int):
    grid = read_grid(["lora.r=8,16"])
    with session_scope(installation.engine) as session:
        add_persona(session, slug="silent", display_name="Silent")
    assert sweep_in(installation, grid, persona="", training_set_id=None, attempt=Attempts()).best == 0
    with pytest.raises(NoTrainingSet, match="`persona-loop assemble silent`"):
        sweep_in(installation, grid, persona="silent", training_set_id=None)
    with pytest.raises(UnknownPersona):
        sweep_in(installation, grid, persona="nobody", training_set_id=None)
    with pytest.raises(UnknownRecord, match="training set 404"):
        sweep_in(installation, grid, persona="", training_set_id=404)
    with pytest.raises(InvalidInput, match=f"set {set_id} is of persona 'pirate', not of 'silent'"):
        sweep_in(installation, grid, persona="silent", training_set_id=set_id)

    with session_scope(installation.engine) as session:
        silent = find_persona(session, "silent")
        add_training_set(session, silent, policy={"without": ["somebody"]})
    assert sweep_in(installation, grid, persona="", training_set_id=None, attempt=Attempts()).best == 0
    with session_scope(installation.engine) as session:
        add_training_set(session, find_persona(session, "silent"))
    with pytest.raises(InvalidInput, match="pirate, silent"):
        sweep_in(installation, grid, persona="", training_set_id=None)
