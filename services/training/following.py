"""Following a stage while it trains: reports of how far it is, and the clock that ends it (torch)."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from services.domain.progress import Progress
from services.domain.training import Objective

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stage stands among the steps of its job: those of the stages before it, and those after."""

    objective: Objective
    stage: int
    steps_before: int
    steps_after: int


class ProgressReports(TrainerCallback):  # type: ignore[misc]
    """Passes what the trainer logs on to `report` and to the log, with what was conceded until then."""

    def __init__(
        self, report: Callable[[Progress], None], place: Place, concessions: tuple[str, ...]
    ) -> None:
        self._report, self._place, self._concessions = report, place, concessions
        self._started = self._logged_at = 0.0
        self._first_step = 0
        self._tokens = 0

    def on_train_begin(
        self, _args: TrainingArguments, state: TrainerState, _control: TrainerControl, **_: object
    ) -> None:
        self._started = self._logged_at = time.monotonic()
        self._first_step = state.global_step
        self._tokens = state.num_input_tokens_seen

    def on_log(
        self,
        _args: TrainingArguments,
        state: TrainerState,
        _control: TrainerControl,
        logs: dict[str, float],
        **_: object,
    ) -> None:
        if "loss" not in logs:
            return
        now, tokens = time.monotonic(), state.num_input_tokens_seen
        steps_left = state.max_steps - state.global_step + self._place.steps_after
        seconds_per_step = (now - self._started) / (state.global_step - self._first_step)
        progress = Progress(
            objective=self._place.objective,
            stage=self._place.stage,
            step=self._place.steps_before + state.global_step,
            total_steps=self._place.steps_before + state.max_steps + self._place.steps_after,
            loss=logs["loss"],
            tokens_per_second=(tokens - self._tokens) / (now - self._logged_at),
            seconds_left=steps_left * seconds_per_step,
            concessions=self._concessions,
        )
        self._logged_at, self._tokens = now, tokens
        logger.info(
            "%s: step %d of %d, loss %.4f, %.0f tokens/s, %.0f s left",
            progress.objective,
            progress.step,
            progress.total_steps,
            progress.loss,
            progress.tokens_per_second,
            progress.seconds_left,
        )
        self._report(progress)


class TrainingTime:
    """The seconds that all attempts at a job have trained, kept in its workdir; they run from here on.

    `limit` is how many there may be, 0 for as many as it takes.
    """

    def __init__(self, workdir: Path, *, limit: int) -> None:
        self._file = workdir / "seconds_trained"
        self._limit = limit
        self._before = float(self._file.read_text()) if self._file.exists() else 0.0
        self._began = time.monotonic()

    @property
    def is_over(self) -> bool:
        return self._limit > 0 and self._seconds() >= self._limit

    def write(self) -> None:
        """What an attempt that is killed has trained counts up to here."""
        part = self._file.with_suffix(".part")
        part.write_text(f"{self._seconds():.3f}")
        part.rename(self._file)

    def _seconds(self) -> float:
        return self._before + time.monotonic() - self._began


class Clock(TrainerCallback):  # type: ignore[misc]
    """Ends the training after the first step that is done when the time is over."""

    def __init__(self, time_trained: TrainingTime) -> None:
        self._time = time_trained
        self.ran_out = False

    def on_log(
        self, _args: TrainingArguments, _state: TrainerState, _control: TrainerControl, **_: object
    ) -> None:
        self._time.write()

    def on_save(
        self, _args: TrainingArguments, _state: TrainerState, _control: TrainerControl, **_: object
    ) -> None:
        self._time.write()

    def on_step_end(
        self, _args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        if self._time.is_over:
            self.ran_out = state.global_step < state.max_steps
            control.should_save = control.should_training_stop = True
