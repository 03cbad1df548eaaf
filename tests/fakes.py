"""Fakes at the three seams, each standing in for a Protocol: Trainer, Generator, AdapterStore."""

from dataclasses import dataclass, field

from services.domain.conversation import Message
from services.language_model.asking import Generated, GenerationRequest


@dataclass
class FakeGenerator:
    """Answers `text` to everything, or raises `problem`; remembers what it was asked."""

    text: str = "A short answer."
    problem: Exception | None = None
    requests: list[GenerationRequest] = field(default_factory=list)

    def generate(self, request: GenerationRequest) -> Generated:
        self.requests.append(request)
        if self.problem is not None:
            raise self.problem
        return Generated(
            text=self.text,
            finish_reason="stop",
            prompt_tokens=len(request.messages),
            completion_tokens=len(self.text.split()),
        )

    def log_probabilities(
        self,
        model: str,  # noqa: ARG002 - the Protocol's signature
        messages: tuple[Message, ...],  # noqa: ARG002
        completion: str,
    ) -> tuple[float, ...]:
        return tuple(-1.0 for _ in completion.split())
