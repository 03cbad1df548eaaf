"""Trying combinations of settings: each a training in a process of its own, scored on the same answers.

Nothing here is registered or served. A combination that is done is not trained again, whichever sweep asks
for it; one that was killed goes on from its checkpoint.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter

from services.adapters.disk import locked, replace_file
from services.domain.training import ModelRecipe, Objective, Recipe, digest_of
from services.training.rows import DemonstrationLine
from services.training.sweep_rows import HELD_SHARE, keep_out

WORK = "work"  # the folder of the training, inside the trial's
_JOB, _RESULT = "job.json", "result.json"


@dataclass(frozen=True, slots=True)
class SweepJob:
    """What every combination learns: a frozen set's file, its digest and its plan."""

    rows: Path
    digest: str
    stages: tuple[Objective, ...]
    label_smoothing: float
    folder: Path  # of all trials of this installation

    def trial(self, recipe: Recipe) -> Path:
        """The folder of one combination, the same for the same rows, base, stages and recipe."""
        base = _base_digest(recipe.model)
        done = {"rows": self.digest, "base": base, "held": HELD_SHARE, "recipe": recipe.digest()}
        key = digest_of(done | {"stages": self.stages, "label_smoothing": self.label_smoothing})
        return self.folder / key[:24]


@dataclass(frozen=True, slots=True)
class TrialJob:
    """One combination, as its process is told; `kept_out` are the answers to score."""

    rows: str
    kept_out: tuple[DemonstrationLine, ...]
    recipe: Recipe
    stages: tuple[Objective, ...]
    label_smoothing: float


@dataclass(frozen=True, slots=True)
class TrialResult:
    """How one combination went; losses are None where they diverged, everything is where `error` says why.

    `held_out_loss` is the mean loss a token of the answers kept out; `seconds` are those of training.
    """

    rows: int = 0
    steps: int = 0
    seconds: float = 0.0
    tokens_per_second: float | None = None
    train_loss: float | None = None
    held_out_loss: float | None = None
    answers: int = 0
    peak_bytes: int = 0
    remarks: tuple[str, ...] = ()
    error: str = ""


def _base_digest(model: ModelRecipe) -> str:
    from services.language_model.base_digest import base_digest  # noqa: PLC0415  (transformers: seconds)

    return base_digest(model.name, revision=model.revision, quantisation=model.quantisation)


_RESULTS = TypeAdapter(TrialResult)
_JOBS = TypeAdapter(TrialJob)


def try_out(job: SweepJob, recipe: Recipe) -> TrialResult:
    """Train and score one combination, or read what an earlier sweep found; who is second waits."""
    folder = job.trial(recipe)
    with locked(folder):
        result = folder / _RESULT
        if not result.exists():
            split = keep_out(job.rows, folder)
            trial = TrialJob(str(split.learnt), split.kept_out, recipe, job.stages, job.label_smoothing)
            replace_file(folder / _JOB, [_JOBS.dump_json(trial)])
            code = _run([sys.executable, "-m", "services.training.sweep_process", str(folder)])
            if not result.exists():
                return TrialResult(error=f"its process ended with code {code} and no result")
        found = _RESULTS.validate_json(result.read_bytes())
        if found.error:
            result.unlink()  # what stood in the way may be gone the next time
        _clear(folder)
        return found


def read_trial(folder: Path) -> TrialJob:
    return _JOBS.validate_json((folder / _JOB).read_bytes())


def write_result(folder: Path, result: TrialResult) -> None:
    replace_file(folder / _RESULT, [json.dumps(asdict(result)).encode()])


def best_of(results: Sequence[TrialResult]) -> int | None:
    """The number of the one with the smallest loss on the answers kept out; None when none has any."""
    scored = [
        (one.held_out_loss, number) for number, one in enumerate(results) if one.held_out_loss is not None
    ]
    return min(scored)[1] if scored else None


def _run(command: Sequence[str]) -> int:
    """The process's exit code; it ends with this one, since its input does."""
    with subprocess.Popen(list(command), stdin=subprocess.PIPE) as process:  # noqa: S603 - our own module
        return process.wait()


def _clear(folder: Path) -> None:
    """What was learnt goes, with people's texts; what was found stays, and why a process ended."""
    shutil.rmtree(folder / WORK, ignore_errors=True)
    for path in folder.glob("*.json*"):
        if path.name != _RESULT:
            path.unlink()
