"""How long a task may take, how often it is tried again, and what no further try would change."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from airflow.sdk.exceptions import AirflowFailException

# A few statements; the longest, assembling, reads all feedback of a persona and counts its tokens.
LIGHT: dict[str, Any] = {
    "execution_timeout": timedelta(minutes=15),
    "retries": 2,
    "retry_delay": timedelta(seconds=10),
}
# Far more than a night's training takes, and less than a day: what hangs gives the one GPU back before the
# next night begins. A training that was slow, not stuck, goes on from its newest checkpoint in the next try.
GPU_TIMEOUT = timedelta(hours=12)
GPU: dict[str, Any] = {
    "executor": "gpu",
    "queue": "gpu",
    "pool": "gpu",
    "execution_timeout": GPU_TIMEOUT,
    "retries": 2,
}


@contextmanager
def refusals_are_final() -> Iterator[None]:
    """Fail at once, with the refusal's own sentence: the same request would be refused again."""
    from services.errors.tree import InvalidInput, NotFound, Refused

    try:
        yield
    except (InvalidInput, NotFound, Refused) as refusal:
        raise AirflowFailException(str(refusal)) from refusal
