"""The seam to whatever trains: one Protocol. The real one is `qlora` (torch); tests bring a fake."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from services.domain.progress import TrainingReport
from services.domain.training import ModelRecipe, Objective, Recipe, TrainedAdapter


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """One training set to learn with one recipe, in stages that follow one another on one adapter.

    `rows` is a JSONL file, one object a line: {"kind", "messages": [{"role", "content"}, ...]} and, by kind,
    "completion" (demonstration), "chosen" and "rejected" (pair), or "completion" and "label" (unpaired);
    other keys are ignored. A stage takes the rows of its kind. `label_smoothing` is the share of pairs whose
    choice is expected to be wrong, below 0.5. `start` is the folder of the adapter to go on from, None for a
    fresh one. `workdir` keeps checkpoints between attempts and belongs to this job alone.
    """

    rows: Path
    recipe: Recipe
    workdir: Path
    stages: tuple[Objective, ...] = (Objective.SFT,)
    label_smoothing: float = 0.0
    start: Path | None = None


class Trainer(Protocol):
    def base_digest(self, model: ModelRecipe) -> str:
        """The base of a recipe as it would be held here, by its content; BaseModelMissing.

        What was learnt on another is no adapter for this one, whatever its name.
        """
        ...

    def train(self, job: TrainingJob, *, progress: Callable[[TrainingReport], None]) -> TrainedAdapter:
        """Train from the newest checkpoint in the workdir, or from the job's start.

        Raises TrainingError when nothing can be learnt, BaseModelMissing when there is no base.
        """
        ...
