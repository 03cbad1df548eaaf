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


class AllPairsEqual(TrainingError):
    def __init__(self, pairs: int) -> None:
        self.pairs = pairs
        super().__init__(
            f"In each of the {pairs} pairs the better and the worse answer are the same to this base: there "
            "is no preference to learn. Leave the dpo stage out, or collect comparisons of different answers."
        )


class OneClassOnly(TrainingError):
    def __init__(self, *, desirable: int, undesirable: int) -> None:
        self.desirable, self.undesirable = desirable, undesirable
        super().__init__(
            f"The kto stage has {desirable} desirable and {undesirable} undesirable answers and needs both: "
            "leave the stage out or collect the other kind."
        )


class ReferenceDiffers(TrainingError):
    """DPO and KTO measure how far the adapter moves from where the stage began."""

    def __init__(self, objective: str, weight: str) -> None:
        self.objective, self.weight = objective, weight
        super().__init__(
            f"The {objective} stage would not start from its reference: {weight} differs between the two. "
            "This is a fault of the trainer or of a library; nothing was trained."
        )


class StartUnusable(TrainingError):
    def __init__(self, folder: str, reason: str) -> None:
        self.folder, self.reason = folder, reason
        super().__init__(
            f"The adapter in {folder} cannot be gone on from: {reason}. Train a fresh one, or match the "
            "recipe."
        )


class MemoryTooSmall(TrainingError):
    """Before anything is loaded: weights, adapter and optimiser alone do not fit."""

    def __init__(self, *, needed: int, available: int, parts: str) -> None:
        self.needed, self.available = needed, available
        super().__init__(
            f"Training needs {needed / 2**30:.1f} GiB at the least ({parts}) and this machine has "
            f"{available / 2**30:.1f} GiB: choose a smaller base or lora.r, or train on another machine."
        )


class ScoringDied(TrainingError):
    def __init__(self, log: str) -> None:
        self.log = log
        super().__init__(
            f"The process that validates checkpoints ended: its last words are in {log}. Start the run "
            "again, or leave validation out with training.validation_share=0."
        )


class CheckpointIncomplete(TrainingError):
    """Scored as it is, a layer would keep the weights of the checkpoint before."""

    def __init__(self, checkpoint: str, weights: tuple[str, ...]) -> None:
        self.checkpoint, self.weights = checkpoint, weights
        super().__init__(
            f"{len(weights)} weights are only in one of the checkpoint {checkpoint} and the adapter that is "
            f"scored ({weights[0]} first): remove the checkpoint and start the run again."
        )


class MemoryExhausted(TrainingError):
    """While training, after every step down was taken."""

    def __init__(self, tried: tuple[str, ...]) -> None:
        self.tried = tried
        super().__init__(
            f"Memory ran out, also after this: {'; '.join(tried) or 'nothing was left to try'}. Choose a "
            "smaller base, or train on a machine with more memory."
        )
