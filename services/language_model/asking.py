"""The seam to whatever generates: the Generator Protocol and its client for an inference server.

Loads no model and no torch: the web app, evaluation and the CLI ask through this one client.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from json import JSONDecodeError
from typing import Any, Protocol, cast
from weakref import finalize

from httpx2 import Limits
from openai import (
    APIConnectionError,
    APIError,
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    DefaultHttpxClient,
    NotFoundError,
    OpenAI,
    omit,
)
from openai.types.chat import ChatCompletion

from services.domain.conversation import Message, clean_generated
from services.domain.fingerprint import ServerFacts
from services.domain.personas import GenerationSettings
from services.errors.artifacts import AdapterAnswersOtherwise, AdapterCorrupt, AdapterMissing
from services.errors.inputs import TextTooLong
from services.errors.outages import (
    AdapterStoreUnavailable,
    AnotherBaseServed,
    InferenceBusy,
    InferenceUnavailable,
    SettingsMissing,
)
from services.errors.tree import InvalidInput, PersonaLoopError

BASE_NAME = "base"  # the serving name of version 0, the plain base
# Seconds after which an idle connection is not used again. A server gives one up too (uvicorn's default is
# 5 s), and a question sent just then would be lost.
IDLE_S = 2.0
STOPPED = "stopped"  # the finish reason of an answer of which its asker had enough

# Told each next piece of an answer while it is written; false for enough. The pieces together are its text.
Hearing = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One prompt for one model by its immutable serving name; equal seeds give equal samples.

    The answer ends before the first of the texts of `stop` that would come up in it.
    """

    model: str
    messages: tuple[Message, ...]
    settings: GenerationSettings
    seed: int
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Generated:
    """Newly generated text only, without the prompt and without control tokens.

    The one way by which a model's words come into the system: here they become what can be stored.
    """

    text: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", clean_generated(self.text))


class Generator(Protocol):
    def generate(self, request: GenerationRequest, heard: Hearing | None = None) -> Generated:
        """One answer, told to `heard` as it is written; once that has enough it ends there, STOPPED.

        Raises InferenceBusy, InferenceUnavailable, AdapterMissing, AdapterCorrupt, AdapterStoreUnavailable,
        AnotherBaseServed, TextTooLong.
        """
        ...

    def log_probabilities(
        self, model: str, messages: tuple[Message, ...], completion: str
    ) -> tuple[float, ...]:
        """Natural-log probability of each token of `completion` (its end token included) after the prompt.

        Not a number where the model gives none, as a diverged one does.
        """
        ...

    def facts(self) -> ServerFacts:
        """What answers, as it says itself: what two servers of other facts say is never compared."""
        ...


def complete_chat(
    client: OpenAI, request: GenerationRequest, *, address: str, added: Mapping[str, object] | None = None
) -> Generated:
    """One chat completion; `added` is what a server understands beside the protocol's own words.

    Raises the library's errors as they are, and InferenceUnavailable for a reply that is no completion.
    """
    try:
        answer = client.chat.completions.create(**_asked(request), extra_body=added)
    except JSONDecodeError as error:
        raise InferenceUnavailable(address) from error
    # The library takes any body for what it asked for: a page of a proxy, an object without choices.
    if not isinstance(answer, ChatCompletion) or not answer.choices or not answer.choices[0].message:
        raise InferenceUnavailable(address)
    choice, usage = answer.choices[0], answer.usage
    return Generated(
        text=choice.message.content or "",
        finish_reason=choice.finish_reason,
        prompt_tokens=usage.prompt_tokens if usage else 0,
        completion_tokens=usage.completion_tokens if usage else 0,
    )


def stream_chat(
    client: OpenAI,
    request: GenerationRequest,
    heard: Hearing,
    *,
    address: str,
    added: Mapping[str, object] | None = None,
) -> Generated:
    """As `complete_chat`, piece by piece. A reply that breaks off in the middle is no completion either."""
    text, finish_reason, prompt_tokens, completion_tokens = "", "", 0, 0
    try:
        with client.chat.completions.create(
            **_asked(request), extra_body=added, stream=True, stream_options={"include_usage": True}
        ) as chunks:
            for chunk in chunks:
                if chunk.usage:
                    prompt_tokens = chunk.usage.prompt_tokens
                    completion_tokens = chunk.usage.completion_tokens
                for choice in chunk.choices:
                    finish_reason = choice.finish_reason or finish_reason
                    piece = choice.delta.content or ""
                    text += piece
                    if piece and not heard(clean_generated(piece)):
                        return Generated(text, STOPPED, prompt_tokens, completion_tokens)
    except JSONDecodeError as error:
        raise InferenceUnavailable(address) from error
    if not finish_reason:
        raise InferenceUnavailable(address)
    return Generated(text, finish_reason, prompt_tokens, completion_tokens)


class InferenceClient:
    """A Generator that asks an inference server over the OpenAI protocol; threads may share one.

    `generate` works against vLLM too. `log_probabilities` needs this project's server: what vLLM returns for
    given text covers the prompt as well and does not say where the completion begins.
    """

    def __init__(self, endpoint: str, *, token: str, timeout_seconds: float = 120.0) -> None:
        self._endpoint = endpoint
        self._client = OpenAI(
            base_url=f"{endpoint}/v1",
            api_key=token,
            timeout=timeout_seconds,
            max_retries=0,
            http_client=DefaultHttpxClient(limits=Limits(keepalive_expiry=IDLE_S)),
        )
        finalize(self, self._client.close)  # nobody closes a client that whole processes share

    def generate(self, request: GenerationRequest, heard: Hearing | None = None) -> Generated:
        added = {
            "min_tokens": request.settings.min_new_tokens,
            "repetition_penalty": request.settings.repetition_penalty,
        }
        with self._our_errors(request.model):
            if heard is not None:
                return stream_chat(self._client, request, heard, address=self._endpoint, added=added)
            return complete_chat(self._client, request, address=self._endpoint, added=added)

    def log_probabilities(
        self, model: str, messages: tuple[Message, ...], completion: str
    ) -> tuple[float, ...]:
        body = {"model": model, "messages": _wire(messages), "completion": completion}
        with self._our_errors(model):
            scored = self._client.post(
                "/chat/log_probabilities",
                body=body,
                cast_to=cast("type[dict[str, list[float | None]]]", object),
            )
        # JSON has no word for infinity or for no number: the server sends null for both.
        return tuple(math.nan if value is None else value for value in scored["token_log_probabilities"])

    def facts(self) -> ServerFacts:
        """See Generator. Of vLLM, which tells nothing of its own, the name of its base and itself."""
        with self._our_errors(BASE_NAME):
            models = self._client.get("/models", cast_to=cast("type[dict[str, Any]]", object))
        served, told = models["data"][0], models.get("server", {})
        return ServerFacts(
            base_digest=str(told.get("base_digest") or served.get("root", "")),
            quantisation=str(told.get("quantisation", "")),
            device=str(told.get("device", "")),
            server=str(told.get("server") or served.get("owned_by", "")),
            packages=dict(told.get("packages", {})),
        )

    @contextmanager
    def _our_errors(self, model: str) -> Iterator[None]:
        try:
            yield
        except APIConnectionError as error:
            raise InferenceUnavailable(self._endpoint) from error
        except APIStatusError as error:
            raise self._our_error(model, error) from error
        except APIError as error:  # told in the middle of a stream
            raise InferenceUnavailable(self._endpoint) from error

    def _our_error(self, model: str, error: APIStatusError) -> PersonaLoopError:
        body = cast("Mapping[str, object]", error.body if isinstance(error.body, dict) else {})
        details = cast("Mapping[str, object]", body.get("details") or {})
        ours: PersonaLoopError = InferenceUnavailable(self._endpoint)
        match error:
            case AuthenticationError():
                ours = SettingsMissing(("INFERENCE_TOKEN",))
            case NotFoundError():
                ours = AdapterMissing(model)
            case ConflictError(code="answers_otherwise"):
                ours = AdapterAnswersOtherwise(model, str(details.get("reason", error.message)))
            case ConflictError():
                ours = AdapterCorrupt(model, str(details.get("reason", error.message)))
            case BadRequestError() if "limit" in details:
                ours = _too_long(details)
            case BadRequestError():
                ours = InvalidInput(str(body.get("message", error.message)))
            case APIStatusError(code="queue_full"):
                ours = InferenceBusy()
            case APIStatusError(code="adapter_store_unavailable"):
                ours = AdapterStoreUnavailable(str(details["url"]), str(details["reason"]))
            case APIStatusError(code="another_base"):
                trained_on, served = str(details["trained_on"]), str(details["served"])
                ours = AnotherBaseServed(model, trained_on=trained_on, served=served)
        return ours


def _too_long(details: Mapping[str, object]) -> TextTooLong:
    length, limit = cast("int", details["length"]), cast("int", details["limit"])
    return TextTooLong("prompt", length=length, limit=limit, unit=str(details["unit"]))


def _asked(request: GenerationRequest) -> dict[str, Any]:
    settings = request.settings
    return {
        "model": request.model,
        "messages": _wire(request.messages),
        "max_tokens": settings.max_new_tokens,
        "temperature": settings.temperature if settings.do_sample else 0.0,
        "top_p": settings.top_p if settings.do_sample else 1.0,
        "seed": request.seed,
        "stop": list(request.stop) or omit,
    }


def _wire(messages: Sequence[Message]) -> list[dict[str, str]]:
    return [{"role": message.role.value, "content": message.content} for message in messages]
