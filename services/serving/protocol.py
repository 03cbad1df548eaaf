"""The wire format of the inference server: OpenAI's chat and text completions, what is added, and its errors.

Added to both requests: `min_tokens` and `repetition_penalty` (vLLM's words); added routes:
log-probabilities of a given completion, loading and unloading of adapters. Nothing here touches a model.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.domain.answer_formats import LONGEST_STOP, MOST_STOPS
from services.domain.conversation import Message, Role
from services.domain.personas import GenerationSettings
from services.errors.artifacts import AdapterAnswersOtherwise, AdapterCorrupt, AdapterMissing
from services.errors.inputs import TextTooLong
from services.errors.outages import (
    AdapterStoreUnavailable,
    AnotherBaseServed,
    InferenceBusy,
    InferenceUnavailable,
)
from services.errors.tree import InvalidInput, PersonaLoopError

TEXT_LIMIT = 200_000  # characters of one message; the context length in tokens is checked after rendering
RETRY_AFTER_SECONDS = 2
_LARGEST_SEED = 2**63 - 1
_Stop = Annotated[str, Field(min_length=1, max_length=LONGEST_STOP)]

# The first class that fits decides: HTTP status and the `code` of the error body.
_ERRORS: tuple[tuple[type[PersonaLoopError], HTTPStatus, str], ...] = (
    (TextTooLong, HTTPStatus.BAD_REQUEST, "context_length_exceeded"),
    (InvalidInput, HTTPStatus.BAD_REQUEST, "invalid_input"),
    (AdapterMissing, HTTPStatus.NOT_FOUND, "adapter_missing"),
    (AdapterAnswersOtherwise, HTTPStatus.CONFLICT, "answers_otherwise"),
    (AdapterCorrupt, HTTPStatus.CONFLICT, "adapter_corrupt"),
    (InferenceBusy, HTTPStatus.SERVICE_UNAVAILABLE, "queue_full"),
    (InferenceUnavailable, HTTPStatus.SERVICE_UNAVAILABLE, "shutting_down"),
    (AdapterStoreUnavailable, HTTPStatus.SERVICE_UNAVAILABLE, "adapter_store_unavailable"),
    (AnotherBaseServed, HTTPStatus.SERVICE_UNAVAILABLE, "another_base"),
)


class _Strict(BaseModel):
    """A field that would be ignored is refused instead: a caller must not believe it took effect."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class WireMessage(_Strict):
    role: Role
    content: str = Field(max_length=TEXT_LIMIT)


class _Sampling(_Strict):
    max_tokens: int = GenerationSettings().max_new_tokens
    min_tokens: int = 0
    temperature: float = 1.0
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    seed: int | None = Field(default=None, ge=0, le=_LARGEST_SEED)
    stop: _Stop | Annotated[tuple[_Stop, ...], Field(max_length=MOST_STOPS)] | None = None
    n: Literal[1] = 1

    def stops(self) -> tuple[str, ...]:
        """The texts at which the answer ends, of which OpenAI's protocol lets one stand alone."""
        return (self.stop,) if isinstance(self.stop, str) else self.stop or ()

    def settings(self) -> GenerationSettings:
        """Temperature 0 means greedy; InvalidInput for values out of range."""
        greedy = self.temperature == 0
        return GenerationSettings(
            max_new_tokens=self.max_tokens,
            min_new_tokens=self.min_tokens,
            do_sample=not greedy,
            temperature=1.0 if greedy else self.temperature,
            top_p=self.top_p,
            repetition_penalty=self.repetition_penalty,
        )


class StreamOptions(_Strict):
    include_usage: bool = False


class ChatRequest(_Sampling):
    model: str
    messages: tuple[WireMessage, ...] = Field(min_length=1)
    stream: bool = False
    stream_options: StreamOptions = StreamOptions()


class CompletionRequest(_Sampling):
    """Text for the model to go on with, without any chat template."""

    model: str
    stream: Literal[False] = False
    prompt: str = Field(min_length=1, max_length=TEXT_LIMIT)


class LogProbabilitiesRequest(_Strict):
    model: str
    messages: tuple[WireMessage, ...] = Field(min_length=1)
    completion: str = Field(max_length=TEXT_LIMIT)


class AdapterRequest(_Strict):
    lora_name: str


class AnswerMessage(BaseModel):
    role: Literal["assistant"] = "assistant"
    content: str


class Choice(BaseModel):
    index: int = 0
    message: AnswerMessage
    finish_reason: Literal["stop", "length"]


class Usage(BaseModel):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ChatResponse(BaseModel):
    """`model` is the immutable name of what answered, `created` seconds since 1970."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[Choice]
    usage: Usage


class TextChoice(BaseModel):
    index: int = 0
    text: str
    finish_reason: Literal["stop", "length"]


class CompletionResponse(BaseModel):
    id: str
    object: Literal["text_completion"] = "text_completion"
    created: int
    model: str
    choices: list[TextChoice]
    usage: Usage


class LogProbabilitiesResponse(BaseModel):
    """Natural logarithms, one per token of the completion and one for the token that ends it."""

    token_log_probabilities: list[float]


def to_messages(wire: tuple[WireMessage, ...]) -> tuple[Message, ...]:
    return tuple(Message(message.role, message.content) for message in wire)


def error_body(
    sentence: str, status: HTTPStatus, code: str, details: Mapping[str, object]
) -> dict[str, dict[str, object]]:
    """The error shape of the OpenAI protocol; `details` lets our client raise the same error again."""
    kind = "invalid_request_error" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "server_error"
    return {"error": {"message": sentence, "type": kind, "code": code, "details": dict(details)}}


def status_and_code(error: PersonaLoopError) -> tuple[HTTPStatus, str]:
    for kind, status, code in _ERRORS:
        if isinstance(error, kind):
            return status, code
    return HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error"


def details_of(error: PersonaLoopError) -> dict[str, object]:
    """The fields of an error that its code does not say."""
    if isinstance(error, AdapterCorrupt):
        return {"reason": error.reason}
    if isinstance(error, AnotherBaseServed):
        return {"trained_on": error.trained_on, "served": error.served}
    if isinstance(error, AdapterStoreUnavailable):
        return {"url": error.url, "reason": error.reason}
    if isinstance(error, TextTooLong):
        return {"length": error.length, "limit": error.limit, "unit": error.unit}
    return {}
