"""The inference server: OpenAI chat and text completions over one 4-bit base and many adapters (torch).

    python -m services.serving.inference_server

Binds INFERENCE_HOST, loopback unless it is set; every /v1 route wants the bearer token, /healthz none. The
port answers once the base has loaded.
"""

import errno
import logging
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from types import MappingProxyType

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import SecretStr
from starlette.exceptions import HTTPException
from transformers.utils.logging import disable_progress_bar

from services.adapters.file_store import FileAdapterStore
from services.db.session import database_url, make_engine
from services.errors.outages import DatabaseUnavailable, PortTaken, SettingsMissing
from services.errors.tree import PersonaLoopError
from services.log_lines import write_logs
from services.serving.inference_engine import InferenceEngine, load_adapters, load_base_model
from services.serving.inference_routes import inference_routes
from services.serving.metrics import add_metrics
from services.serving.protocol import RETRY_AFTER_SECONDS, details_of, error_body, status_and_code
from services.serving.warming import start_warming
from services.settings import Settings, read_settings

logger = logging.getLogger(__name__)

IDLE_S = 75  # seconds: longer than any client keeps a connection that it does not use


def create_server(engine: InferenceEngine, *, token: str, metrics_token: SecretStr | None = None) -> FastAPI:
    """The application; the engine stops with it."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await run_in_threadpool(engine.stop)

    app = FastAPI(title="persona-loop inference", lifespan=lifespan, docs_url=None, redoc_url=None)
    _add_error_handlers(app)

    @app.get("/healthz")
    def health(response: Response) -> dict[str, object]:
        problem = engine.problem()
        if problem:
            response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
        return {
            "status": problem or "ready",
            "base": engine.base.name,
            "quantisation": engine.base.quantisation,
            "adapters": list(engine.loaded()),
            "changed": list(engine.changed()),
            "waiting": engine.waiting(),
        }

    app.include_router(inference_routes(engine, token=token))
    add_metrics(app, engine, token=metrics_token)
    return app


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


def bind(host: str, port: int) -> socket.socket:
    """A bound socket, taken before the base loads so that a busy port is told at once.

    Raises PortTaken, SettingsMissing when `host` is no address of this machine.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTaken("INFERENCE_PORT", port) from error
        raise SettingsMissing(("INFERENCE_HOST",)) from error
    return listener


def build_engine(settings: Settings) -> InferenceEngine:
    """The engine of this installation, its base loaded; BaseModelMissing when there is none."""
    base = load_base_model(
        settings.base_model,
        revision=settings.base_revision,
        quantisation=settings.base_quantisation,
        cache=settings.base_cache,
    )
    store = FileAdapterStore(settings.store_url)
    adapters = load_adapters(base, store, cache=settings.adapter_cache)
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
    disable_progress_bar()
    try:
        settings = read_settings()
        write_logs(settings.log_format)
        listener = bind(settings.inference_host, settings.inference_port)
        engine = build_engine(settings)
    except PersonaLoopError as error:
        sys.exit(str(error))
    _warm_on_promotions(settings, engine)
    app = create_server(
        engine, token=settings.inference_token.get_secret_value(), metrics_token=settings.metrics_token
    )
    logger.info("serving %s on %s:%d", settings.base_model, settings.inference_host, settings.inference_port)
    uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_keep_alive=IDLE_S)).run(
        sockets=[listener]
    )


if __name__ == "__main__":
    main()
