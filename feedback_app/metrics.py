"""`/metrics` for Prometheus: this app's requests, and the loop's figures as the database has them now.

Whoever asks sends METRICS_TOKEN; for everybody else, and without that setting, there is no such page.
"""

import time
from collections.abc import Iterable
from http import HTTPStatus

from flask import Blueprint, Flask, Response, abort, g, request
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from feedback_app.backend import backend
from services.db.session import session_scope
from services.jobs.figures import Figure, loop_figures
from services.request_metrics import CONTENT_TYPE, count_request, exposition, may_read

blueprint = Blueprint("metrics", __name__)


def install(app: Flask) -> None:
    """After `request_log`, whose clock it reads."""
    app.after_request(count)


def count(response: Response) -> Response:
    count_request(
        route=request.url_rule.rule if request.url_rule else None,
        method=request.method,
        status=response.status_code,
        seconds=time.perf_counter() - g.started,
    )
    return response


@blueprint.get("/metrics")
def metrics() -> Response:
    if not may_read(request.headers.get("Authorization", ""), backend().settings.metrics_token):
        abort(HTTPStatus.NOT_FOUND)
    with session_scope(backend().engine) as session:
        figures = tuple(loop_figures(session))
    return Response(exposition(_Loop(figures)), content_type=CONTENT_TYPE)


class _Loop(Collector):
    def __init__(self, figures: tuple[Figure, ...]) -> None:
        self._figures = figures

    def collect(self) -> Iterable[Metric]:
        for figure in self._figures:
            family = CounterMetricFamily if figure.growing else GaugeMetricFamily
            metric = family(figure.name, figure.says, labels=figure.labels)
            for labels, value in figure.values:
                metric.add_metric(labels, value)
            yield metric
