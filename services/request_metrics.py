"""What Prometheus is told of requests, for the web app and the inference server alike, and who may ask.

Labels are bounded: routes as they are declared, methods and statuses of HTTP; nothing that somebody sent.
Each process counts its own. Where several answer at one address, PROMETHEUS_MULTIPROC_DIR, the library's own
variable, names a folder in which they add them up.
"""

import hmac

from prometheus_client import CollectorRegistry, Histogram, generate_latest, multiprocess
from prometheus_client.registry import Collector
from prometheus_client.values import MutexValue, ValueClass
from pydantic import SecretStr

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})

_REGISTRY = CollectorRegistry()
_REQUESTS = Histogram(
    "persona_loop_request_seconds",
    "Time to answer a request, by route as it is declared.",
    ("route", "method", "status"),
    buckets=_SECONDS,
    registry=_REGISTRY,
)


def count_request(*, route: str | None, method: str, status: int, seconds: float) -> None:
    """`route`: its pattern, None for an address that is none."""
    known = method if method in _METHODS else "other"
    _REQUESTS.labels(route or "unknown", known, f"{status // 100}xx").observe(seconds)


def exposition(*others: Collector) -> bytes:
    """The requests of all processes, then what the others collect now."""
    shared = ValueClass is not MutexValue
    counted = CollectorRegistry()
    if shared:
        multiprocess.MultiProcessCollector(counted)  # type: ignore[no-untyped-call]
    now = CollectorRegistry()
    for one in others:
        now.register(one)
    return generate_latest(counted if shared else _REGISTRY) + generate_latest(now)


def may_read(authorization: str, token: SecretStr | None) -> bool:
    """Whether a request's Authorization header holds METRICS_TOKEN; without such a setting nobody may."""
    expected = token.get_secret_value() if token else ""
    return bool(expected) and hmac.compare_digest(authorization.encode(), f"Bearer {expected}".encode())
