"""What a training tells about itself while it runs, as values: how far it is, what a checkpoint is worth.

Steps are those of the whole job, over all its stages; a stage's `number` counts from 1. Losses of two
objectives do not compare.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from services.domain.training import Objective, StageResult


@dataclass(frozen=True, slots=True)
class MemoryExpected:
    """Before anything is loaded: bytes by part, and those there are."""

    parts: Mapping[str, int]
    available: int


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a running job is: mean loss since the last report, seconds until all stages are done.

    `concessions` say what the stage gave up so far to fit into memory.
    """

    objective: Objective
    stage: int
    step: int
    total_steps: int
    loss: float
    tokens_per_second: float
    seconds_left: float
    concessions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckpointScored:
    """The loss of a checkpoint on rows kept out, and what was answered to the first of their prompts."""

    stage: int
    step: int
    loss: float
    previews: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StageEnded:
    """`steps_before` are those of the stages before it."""

    stage: int
    steps_before: int
    result: StageResult


TrainingReport = MemoryExpected | Progress | CheckpointScored | StageEnded


def stage_ends(results: Sequence[StageResult]) -> Iterator[StageEnded]:
    """The ends of the stages of a job that is done, in order."""
    steps = 0
    for number, result in enumerate(results, start=1):
        yield StageEnded(number, steps, result)
        steps += result.steps
