"""The /v1 routes of the inference server: asks, log-probabilities, and adapters by name (torch).

The wire format is `protocol`'s, the work `inference_engine`'s; errors become answers in `inference_server`.
"""

import asyncio
import hmac
import secrets
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict
from http import HTTPStatus
from typing import Annotated, cast

from fastapi import APIRouter, Depends, Header
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from starlette.exceptions import HTTPException

from services.language_model.asking import BASE_NAME, Generated, GenerationRequest
from services.serving.event_stream import chat_events
from services.serving.inference_engine import InferenceEngine
from services.serving.protocol import (
    AdapterRequest,
    AnswerMessage,
    ChatRequest,
    ChatResponse,
    Choice,
    CompletionRequest,
    CompletionResponse,
    LogProbabilitiesRequest,
    LogProbabilitiesResponse,
    TextChoice,
    Usage,
    to_messages,
)


def inference_routes(engine: InferenceEngine, *, token: str) -> APIRouter:
    """Every route wants the bearer token."""
    routes = APIRouter(prefix="/v1", dependencies=[Depends(_token_check(token))])
    _add_asking(routes, engine)
    _add_log_probabilities(routes, engine)
    _add_adapters(routes, engine)
    return routes


def _token_check(token: str) -> Callable[[str], None]:
    expected = f"Bearer {token}".encode()

    def check_token(authorization: Annotated[str, Header()] = "") -> None:
        if not hmac.compare_digest(authorization.encode(), expected):
            raise HTTPException(
                HTTPStatus.UNAUTHORIZED, "The bearer token is missing or wrong: send INFERENCE_TOKEN."
            )

    return check_token


def _add_asking(routes: APIRouter, engine: InferenceEngine) -> None:
    @routes.post("/chat/completions", response_model=None)
    async def chat(body: ChatRequest) -> ChatResponse | StreamingResponse:
        request = GenerationRequest(
            model=body.model,
            messages=to_messages(body.messages),
            settings=body.settings(),
            seed=_seed(body.seed),
            stop=body.stops(),
        )
        if body.stream:
            return await chat_events(engine, request, with_usage=body.stream_options.include_usage)
        future = await run_in_threadpool(engine.generate, request)
        return _chat_response(body.model, cast("Generated", await asyncio.wrap_future(future)))

    @routes.post("/completions")
    async def complete(body: CompletionRequest) -> CompletionResponse:
        future = await run_in_threadpool(
            engine.complete,
            body.model,
            body.prompt,
            body.settings(),
            seed=_seed(body.seed),
            stop=body.stops(),
        )
        return _completion_response(body.model, cast("Generated", await asyncio.wrap_future(future)))


def _add_log_probabilities(routes: APIRouter, engine: InferenceEngine) -> None:
    @routes.post("/chat/log_probabilities")
    async def log_probabilities(body: LogProbabilitiesRequest) -> LogProbabilitiesResponse:
        future = await run_in_threadpool(
            engine.log_probabilities, body.model, to_messages(body.messages), body.completion
        )
        values = cast("tuple[float, ...]", await asyncio.wrap_future(future))
        return LogProbabilitiesResponse(token_log_probabilities=list(values))


def _add_adapters(routes: APIRouter, engine: InferenceEngine) -> None:
    @routes.get("/models")
    def models() -> dict[str, object]:
        names = (BASE_NAME, *engine.loaded())
        data = [{"id": name, "object": "model"} for name in names]
        return {"object": "list", "data": data, "server": asdict(engine.facts)}

    @routes.post("/load_lora_adapter")
    async def load(body: AdapterRequest) -> dict[str, object]:
        await asyncio.wrap_future(engine.load(body.lora_name))
        return {"lora_name": body.lora_name, "loaded": True}

    @routes.post("/unload_lora_adapter")
    async def unload(body: AdapterRequest) -> dict[str, object]:
        was_there = await asyncio.wrap_future(engine.unload(body.lora_name))
        return {"lora_name": body.lora_name, "unloaded": was_there}


def _chat_response(model: str, generated: Generated) -> ChatResponse:
    return ChatResponse(
        id=f"chatcmpl-{uuid.uuid4().hex}",
        created=int(time.time()),
        model=model,
        choices=[
            Choice(
                message=AnswerMessage(content=generated.text),
                finish_reason="stop" if generated.finish_reason == "stop" else "length",
            )
        ],
        usage=_usage(generated),
    )


def _completion_response(model: str, generated: Generated) -> CompletionResponse:
    return CompletionResponse(
        id=f"cmpl-{uuid.uuid4().hex}",
        created=int(time.time()),
        model=model,
        choices=[
            TextChoice(
                text=generated.text,
                finish_reason="stop" if generated.finish_reason == "stop" else "length",
            )
        ],
        usage=_usage(generated),
    )


def _usage(generated: Generated) -> Usage:
    return Usage(
        prompt_tokens=generated.prompt_tokens,
        completion_tokens=generated.completion_tokens,
        total_tokens=generated.prompt_tokens + generated.completion_tokens,
    )


def _seed(given: int | None) -> int:
    return secrets.randbits(63) if given is None else given
