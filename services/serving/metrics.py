"""`/metrics` of the inference server, for Prometheus: its requests, its queue and what it holds.

As in the web app, whoever asks sends METRICS_TOKEN, and without that setting there is no such page.
"""

import time
from collections.abc import Awaitable, Callable, Iterable
from http import HTTPStatus
from typing import Annotated

from fastapi import FastAPI, Header, Request, Response
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from pydantic import SecretStr
from starlette.exceptions import HTTPException

from services.request_metrics import CONTENT_TYPE, count_request, exposition, may_read
from services.serving.inference_engine import InferenceEngine


def add_metrics(app: FastAPI, engine: InferenceEngine, *, token: SecretStr | None) -> None:
    @app.middleware("http")
    async def count(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
        began = time.perf_counter()
        response = await go_on(request)
        route = request.scope.get("route")
        count_request(
            route=getattr(route, "path", None),
            method=request.method,
            status=response.status_code,
            seconds=time.perf_counter() - began,
        )
        return response

    @app.get("/metrics")
    def metrics(authorization: Annotated[str, Header()] = "") -> Response:
        if not may_read(authorization, token):
            raise HTTPException(HTTPStatus.NOT_FOUND)
        return Response(exposition(_Engine(engine)), headers={"Content-Type": CONTENT_TYPE})


class _Engine(Collector):
    def __init__(self, engine: InferenceEngine) -> None:
        self._engine = engine

    def collect(self) -> Iterable[Metric]:
        for name, says, value in (
            ("queue", "Requests that wait, those being worked on not counted.", self._engine.waiting()),
            ("adapters", "Adapters in memory.", len(self._engine.loaded())),
            (
                "changed_adapters",
                "Of these, those that answer otherwise than when evaluated.",
                len(self._engine.changed()),
            ),
        ):
            yield GaugeMetricFamily(f"persona_loop_inference_{name}", says, value=value)
