"""Nothing can be learnt as things are. The tree is drawn in `tree`."""

from services.errors.tree import TrainingError


class NoSupervisedTokens(TrainingError):
    def __init__(self, rows: int) -> None:
        self.rows = rows
        super().__init__(
            f"None of the {rows} rows has a token to learn from after rendering: check the chat template "
            "and training.max_length."
        )


class ModuleMatchesNothing(TrainingError):
    def __init__(self, modules: tuple[str, ...], available: tuple[str, ...]) -> None:
        self.modules, self.available = modules, available
        super().__init__(
            f"lora.target_modules names {', '.join(modules)}, which this base does not have: "
            f"choose among {', '.join(available)} or all-linear."
        )


class NothingToLearn(TrainingError):
    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"There is nothing to learn from this training set: {reason}.")


class RowsTooLong(TrainingError):
    """Rows are never cut silently; assembly drops and counts those that do not fit."""

    def __init__(self, rows: int, *, longest: int, limit: int) -> None:
        self.rows, self.longest, self.limit = rows, longest, limit
        super().__init__(
            f"{rows} rows have more than {limit:,} tokens (the longest has {longest:,}): assemble the "
            "training set again for this base, or raise training.max_length if the base can read that much."
        )


class RunBusy(TrainingError):
    def __init__(self, run_id: int) -> None:
        self.run_id = run_id
        super().__init__(f"Training run {run_id} is being worked on by another process: wait for it to end.")
