"""The seam to whatever generates: the Generator Protocol and its client for an inference server.

Loads no model and no torch: the web app, evaluation and the CLI ask through this one client.
"""

from dataclasses import dataclass
from typing import Protocol

from services.domain.conversation import Message
from services.domain.personas import GenerationSettings

BASE_NAME = "base"  # the serving name of version 0, the plain base


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One prompt for one model by its immutable serving name; equal seeds give equal samples."""

    model: str
    messages: tuple[Message, ...]
    settings: GenerationSettings
    seed: int


@dataclass(frozen=True, slots=True)
class Generated:
    """Newly generated text only, without the prompt and without control tokens."""

    text: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int


class Generator(Protocol):
    def generate(self, request: GenerationRequest) -> Generated:
        """One answer; raises InferenceBusy, InferenceUnavailable, AdapterMissing, AdapterCorrupt, TextTooLong."""
        ...

    def log_probabilities(
        self, model: str, messages: tuple[Message, ...], completion: str
    ) -> tuple[float, ...]:
        """Natural-log probability of each token of `completion` (its end token included) after the prompt."""
        ...
