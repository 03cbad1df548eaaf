"""Sweeping: a grid of settings tried on a persona's newest set, without a version and without a run."""

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.adapters.disk import locked, replace_file
from services.adapters.freezing import thaw
from services.adapters.promotions import find_persona
from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import TrainingSetRow
from services.db.session import session_scope
from services.domain.training import Objective, Recipe, digest_of
from services.errors.lookups import NoTrainingSet, UnknownRecord
from services.errors.refusals import Redacted
from services.errors.tree import InvalidInput
from services.jobs.bases import recipe_of
from services.jobs.installation import Installation, open_installation
from services.training.grid import Grid, read_grid
from services.training.sweep_chart import Tried, sweep_chart
from services.training.sweep_rows import HELD_SHARE
from services.training.sweeping import SweepJob, TrialResult, best_of, try_out
from services.training_sets.conditions import of_everyone

logger = logging.getLogger(__name__)

FOLDER = "sweeps"  # below VAR_DIR


@dataclass(frozen=True, slots=True)
class Sweep:
    """What was tried, in the order of the grid; `best` is a place in it, None when nothing has a loss."""

    folder: Path
    training_set_id: int
    grid: Grid
    results: tuple[TrialResult, ...]

    @property
    def best(self) -> int | None:
        return best_of(self.results)


def sweep(grid: Sequence[str], *, persona: str = "", training_set_id: int | None = None) -> Sweep:
    """Every combination trained and scored, or read where it was before; the files hold what is done so far.

    InvalidGrid or InvalidRecipe before anything is trained. Without a set the persona's newest is taken;
    without a persona, the only one that has any.
    """
    wanted = read_grid(grid)
    with open_installation() as installation:
        return sweep_in(installation, wanted, persona=persona, training_set_id=training_set_id)


def sweep_in(
    installation: Installation,
    grid: Grid,
    *,
    persona: str,
    training_set_id: int | None,
    attempt: Callable[[SweepJob, Recipe], TrialResult] = try_out,
) -> Sweep:
    """As `sweep`, in a given installation."""
    with session_scope(installation.engine) as session:
        training_set = _chosen(session, persona, training_set_id)
        slug = training_set.persona.slug
        combinations = grid.combinations()
        recipes = [
            recipe_of(session, installation.settings, training_set.persona, one) for one in combinations
        ]
    folder = _folder(installation, training_set, slug, recipes)
    results: list[TrialResult] = []
    with locked(folder), _job(installation, training_set, folder) as job:  # an equal sweep waits
        for number, (combination, recipe) in enumerate(zip(combinations, recipes, strict=True), start=1):
            logger.info("%d of %d: %s", number, len(combinations), " ".join(combination))
            results.append(attempt(job, recipe))
            _write(folder, training_set, slug, grid, results)
    return Sweep(folder, training_set.id, grid, tuple(results))


@contextmanager
def _job(installation: Installation, training_set: TrainingSetRow, folder: Path) -> Iterator[SweepJob]:
    """What every combination learns, its rows in `folder` for as long as the block lasts."""
    store, digest = installation.settings.store_url, training_set.digest
    rows = thaw(store, training_set.path, digest=digest, into=folder)
    try:
        yield SweepJob(
            rows=rows,
            digest=digest,
            stages=tuple(Objective(stage) for stage in training_set.plan["stages"]),
            label_smoothing=float(training_set.plan["label_smoothing"]),
            folder=folder.parent / "trials",
        )
    finally:
        rows.unlink(missing_ok=True)


def _chosen(session: Session, persona: str, training_set_id: int | None) -> TrainingSetRow:
    if training_set_id is not None:
        row = session.get(TrainingSetRow, training_set_id)
        if row is None:
            raise UnknownRecord("training set", training_set_id)
        if row.redacted_at is not None:
            raise Redacted("training set", training_set_id)
        if persona and row.persona_id != find_persona(session, persona).id:
            raise InvalidInput(
                f"Training set {row.id} is of persona {row.persona.slug!r}, not of {persona!r}: "
                "leave --persona out, or name a set of its own."
            )
        return row
    usable = of_everyone(), TrainingSetRow.redacted_at.is_(None)
    newest = select(TrainingSetRow).where(*usable).order_by(TrainingSetRow.id.desc()).limit(1)
    if persona:
        row = session.scalar(newest.where(TrainingSetRow.persona_id == find_persona(session, persona).id))
        if row is None:
            raise NoTrainingSet(persona)
        return row
    slugs = session.scalars(
        select(PersonaRow.slug).join(TrainingSetRow).where(*usable).distinct().order_by(PersonaRow.slug)
    ).all()
    if len(slugs) != 1:
        those = (
            f"those with a training set are {', '.join(slugs)}" if slugs else "none has a training set yet"
        )
        raise InvalidInput(f"Say whose training set to sweep on, with --persona: {those}.")
    return session.scalars(newest).one()


def _folder(
    installation: Installation, training_set: TrainingSetRow, slug: str, recipes: Sequence[Recipe]
) -> Path:
    key = digest_of([training_set.digest, *(recipe.digest() for recipe in recipes)])
    return installation.settings.var_dir.resolve() / FOLDER / f"{slug}-{training_set.id}-{key[:8]}"


def _write(
    folder: Path, training_set: TrainingSetRow, slug: str, grid: Grid, results: Sequence[TrialResult]
) -> None:
    values = [dict(override.split("=", 1) for override in one) for one in grid.combinations()[: len(results)]]
    best = best_of(results)
    record: dict[str, Any] = {
        "persona": slug,
        "training_set": training_set.id,
        "training_set_digest": training_set.digest,
        "grid": {axis.key: axis.values for axis in grid.axes},
        "held_out_share": HELD_SHARE,
        "best": None if best is None else values[best],
        "trials": [{"values": one, **asdict(result)} for one, result in zip(values, results, strict=True)],
    }
    replace_file(folder / "sweep.json", [json.dumps(record, indent=2).encode()])
    tried = [Tried(one, result.held_out_loss) for one, result in zip(values, results, strict=True)]
    title = f"{slug}, training set {training_set.id}"
    replace_file(folder / "sweep.svg", [sweep_chart(grid.swept, tried, title=title).encode()])
