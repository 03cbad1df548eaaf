"""What the process that scores is told, in a file: the rows kept out of a stage and how they count."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from services.domain.training import ModelRecipe, Objective
from services.training.dataset import TokenisedJudgement, TokenisedPair, TokenisedRow


@dataclass(frozen=True, slots=True)
class ScoringTask:
    """`rows` are of the objective's kind; those at the places of `previews` are answered, too.

    `start` is the folder of the adapter that the stage began with, None for the plain base: preferences are
    measured against it. `cache` is that of `load_base`.
    """

    objective: Objective
    model: ModelRecipe
    rows: tuple[TokenisedRow, ...] | tuple[TokenisedPair, ...] | tuple[TokenisedJudgement, ...]
    beta: float
    previews: tuple[int, ...] = ()
    label_smoothing: float = 0.0
    start: Path | None = None
    cache: Path | None = None


_TASK = TypeAdapter(ScoringTask)


def write_task(task: ScoringTask, path: Path) -> None:
    path.write_bytes(_TASK.dump_json(task))


def read_task(path: Path) -> ScoringTask:
    return _TASK.validate_json(path.read_bytes())
