"""The seam to whatever trains: one Protocol. The real one is `qlora` (torch); tests bring a fake."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from services.domain.training import Progress, Recipe, TrainedAdapter


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """One training set to learn with one recipe.

    `rows` is a JSONL file, one object a line: {"messages": [{"role", "content"}, ...], "completion": str}
    (other keys are ignored). `workdir` keeps checkpoints between attempts and belongs to this job alone.
    """

    rows: Path
    recipe: Recipe
    workdir: Path


class Trainer(Protocol):
    def train(self, job: TrainingJob, *, progress: Callable[[Progress], None]) -> TrainedAdapter:
        """Train from the newest checkpoint in the workdir, or from the base.

        Raises TrainingError when nothing can be learnt, BaseModelMissing when there is no base.
        """
        ...
