"""Files that cannot be used: adapters, base models, training sets. The tree is drawn in `tree`."""

from services.errors.tree import ArtifactError


class AdapterCorrupt(ArtifactError):
    def __init__(self, name: str, reason: str) -> None:
        self.name, self.reason = name, reason
        super().__init__(
            f"Adapter {name} is damaged ({reason}) and will not be served: "
            "restore it from a backup or roll back to another version."
        )


class AdapterAnswersOtherwise(AdapterCorrupt):
    """Its files are as they were, and yet it is not what was evaluated."""

    def __init__(self, name: str, reason: str) -> None:
        ArtifactError.__init__(
            self,
            f"Adapter {name} does not answer as it did when it was evaluated ({reason}) and will not be "
            "served: put the inference server back to what it was, or train the version's set again.",
        )
        self.name, self.reason = name, reason


class AdapterMissing(ArtifactError):
    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"The adapter store holds no adapter {name}: restore it from a backup.")


class AdapterExists(ArtifactError):
    def __init__(self, place: str) -> None:
        self.place = place
        super().__init__(f"The adapter store already holds {place}, and what it holds is never replaced.")


class AdapterRefused(ArtifactError):
    """A folder offered to the store that is not a finished adapter in safetensors."""

    def __init__(self, place: str, reason: str) -> None:
        self.place, self.reason = place, reason
        super().__init__(
            f"The adapter in {place} cannot be published ({reason}): train it again, the store takes "
            "finished PEFT folders in safetensors only."
        )


class WeightsOfOtherSize(ArtifactError):
    def __init__(self, weight: str) -> None:
        self.weight = weight
        super().__init__(
            f"{weight} of the adapter has another shape than this base asks for: it was trained on another "
            "base or by another recipe, put it on that one."
        )


class BaseModelMissing(ArtifactError):
    def __init__(self, name: str, reason: str) -> None:
        self.name, self.reason = name, reason
        super().__init__(
            f"The base model {name!r} cannot be loaded ({reason}): set BASE_MODEL to a model folder "
            "or a hub name this machine can reach."
        )


class FrozenFileCorrupt(ArtifactError):
    def __init__(self, place: str) -> None:
        self.place = place
        super().__init__(
            f"The frozen file at {place} does not match its digest: restore it from a backup, or, of a "
            "training set, assemble it again under a new cutoff."
        )


class BackupUnusable(ArtifactError):
    def __init__(self, place: str, reason: str) -> None:
        self.place, self.reason = place, reason
        super().__init__(f"What is in {place} cannot be restored ({reason}): take another backup.")
