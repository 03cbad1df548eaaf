"""The inference server: OpenAI chat and text completions over one 4-bit base and many adapters (torch).

    python -m services.serving.inference_server

Binds loopback only; every /v1 route wants the bearer token. The port answers once the base has loaded.
"""

import asyncio
import hmac
import logging
import secrets
import socket
import sys
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from types import MappingProxyType
from typing import Annotated, cast

import uvicorn
from fastapi import APIRouter, Depends, FastAPI, Header, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from transformers.utils.logging import disable_progress_bar

from services.adapters.file_store import FileAdapterStore
from services.db.session import database_url, make_engine
from services.errors import DatabaseUnavailable, PersonaLoopError, PortTaken
from services.language_model.asking import BASE_NAME, Generated, GenerationRequest
from services.serving.inference_engine import InferenceEngine, load_adapters, load_base_model
from services.serving.protocol import (
    RETRY_AFTER_SECONDS,
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
    details_of,
    error_body,
    status_and_code,
    to_messages,
)
from services.serving.warming import start_warming
from services.settings import Settings, read_settings

HOST = "127.0.0.1"

logger = logging.getLogger(__name__)


def create_server(engine: InferenceEngine, *, token: str) -> FastAPI:
    """The application; the engine stops with it."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await run_in_threadpool(engine.stop)

    app = FastAPI(title="persona-loop inference", lifespan=lifespan, docs_url=None, redoc_url=None)
    _add_error_handlers(app)

    @app.get("/healthz")
    def health() -> dict[str, object]:
        return {
            "status": "ready",
            "base": engine.base.name,
            "adapters": list(engine.loaded()),
            "waiting": engine.waiting(),
        }

    app.include_router(_routes(engine, token))
    return app


def _routes(engine: InferenceEngine, token: str) -> APIRouter:
    expected = f"Bearer {token}".encode()

    def check_token(authorization: Annotated[str, Header()] = "") -> None:
        if not hmac.compare_digest(authorization.encode(), expected):
            raise HTTPException(
                HTTPStatus.UNAUTHORIZED, "The bearer token is missing or wrong: send INFERENCE_TOKEN."
            )

    routes = APIRouter(prefix="/v1", dependencies=[Depends(check_token)])

    @routes.get("/models")
    def models() -> dict[str, object]:
        names = (BASE_NAME, *engine.loaded())
        return {"object": "list", "data": [{"id": name, "object": "model"} for name in names]}

    @routes.post("/chat/completions")
    async def chat(body: ChatRequest) -> ChatResponse:
        request = GenerationRequest(
            model=body.model,
            messages=to_messages(body.messages),
            settings=body.settings(),
            seed=_seed(body.seed),
        )
        future = await run_in_threadpool(engine.generate, request)
        return _chat_response(body.model, cast("Generated", await asyncio.wrap_future(future)))

    @routes.post("/completions")
    async def complete(body: CompletionRequest) -> CompletionResponse:
        future = await run_in_threadpool(
            engine.complete, body.model, body.prompt, body.settings(), seed=_seed(body.seed)
        )
        return _completion_response(body.model, cast("Generated", await asyncio.wrap_future(future)))

    @routes.post("/chat/log_probabilities")
    async def log_probabilities(body: LogProbabilitiesRequest) -> LogProbabilitiesResponse:
        future = await run_in_threadpool(
            engine.log_probabilities, body.model, to_messages(body.messages), body.completion
        )
        values = cast("tuple[float, ...]", await asyncio.wrap_future(future))
        return LogProbabilitiesResponse(token_log_probabilities=list(values))

    @routes.post("/load_lora_adapter")
    async def load(body: AdapterRequest) -> dict[str, object]:
        await asyncio.wrap_future(engine.load(body.lora_name))
        return {"lora_name": body.lora_name, "loaded": True}

    @routes.post("/unload_lora_adapter")
    async def unload(body: AdapterRequest) -> dict[str, object]:
        was_there = await asyncio.wrap_future(engine.unload(body.lora_name))
        return {"lora_name": body.lora_name, "unloaded": was_there}

    return routes


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


def _add_error_handlers(app: FastAPI) -> None:
    @app.exception_handler(PersonaLoopError)
    async def ours(_: Request, error: PersonaLoopError) -> JSONResponse:
        status, code = status_and_code(error)
        return _error(str(error), status, code, details_of(error))

    @app.exception_handler(RequestValidationError)
    async def malformed(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"] if part != "body") or "body"
        sentence = f"The field {field} cannot be used: {first['msg']}."
        return _error(sentence, HTTPStatus.BAD_REQUEST, "invalid_input")

    @app.exception_handler(HTTPException)
    async def plain(_: Request, error: HTTPException) -> JSONResponse:
        status = HTTPStatus(error.status_code)
        return _error(error.detail, status, status.phrase.lower().replace(" ", "_"))

    @app.exception_handler(Exception)
    async def unexpected(_: Request, __: Exception) -> JSONResponse:
        sentence = "The inference server failed on this request: its log says why."
        return _error(sentence, HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error")


def _error(
    sentence: str, status: HTTPStatus, code: str, details: Mapping[str, object] = MappingProxyType({})
) -> JSONResponse:
    busy = status is HTTPStatus.SERVICE_UNAVAILABLE
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if busy else None
    return JSONResponse(error_body(sentence, status, code, details), status_code=status, headers=headers)


def bind(port: int) -> socket.socket:
    """A bound socket, taken before the base loads so that a busy port is told at once; PortTaken."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise PortTaken("INFERENCE_PORT", port) from error
    return listener


def build_engine(settings: Settings) -> InferenceEngine:
    """The engine of this installation, its base loaded; BaseModelMissing when there is none."""
    base = load_base_model(settings.base_model, revision=settings.base_revision)
    store = FileAdapterStore(settings.store_url)
    adapters = load_adapters(base, store, cache=settings.var_dir / "cache" / "adapters")
    return InferenceEngine(
        base,
        adapters,
        batch_size=settings.inference_batch_size,
        queue_limit=settings.inference_queue_limit,
    )


def _warm_on_promotions(settings: Settings, engine: InferenceEngine) -> None:
    """Load what is promoted before anyone asks for it; a machine without the database serves all the same."""
    try:
        database = make_engine(database_url(settings))
    except DatabaseUnavailable as error:
        logger.info("adapters load on first use only: %s", error)
        return

    def load(name: str) -> None:
        engine.load(name).result()

    start_warming(database, load)


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    disable_progress_bar()
    try:
        settings = read_settings()
        listener = bind(settings.inference_port)
        engine = build_engine(settings)
    except PersonaLoopError as error:
        sys.exit(str(error))
    _warm_on_promotions(settings, engine)
    app = create_server(engine, token=settings.inference_token.get_secret_value())
    logger.info("serving %s on port %d", settings.base_model, settings.inference_port)
    uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])


if __name__ == "__main__":
    main()
