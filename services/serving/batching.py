"""Queues requests and runs them in batches on the one thread that owns the model.

Only requests of one kind for one model share a batch, so no answer can come from another adapter. Groups take
turns, oldest request first inside each: an evaluation of a candidate delays the champion by the batch in work
and one more, however much of it waits, and nobody starves. Knows no tensors and no HTTP.
"""

import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

from services.errors.outages import InferenceBusy, InferenceUnavailable
from services.errors.tree import PersonaLoopError

Group = TypeVar("Group", bound=Hashable)
Work = TypeVar("Work")
Result = TypeVar("Result")

# Requests of parallel callers arrive within milliseconds: a batch waits for them while they come.
_SETTLE_SECONDS = 0.005
_SETTLE_ROUNDS = 10

logger = logging.getLogger(__name__)


class Batcher(Generic[Group, Work, Result]):
    """`run(group, items)` is called on one thread and gives one result per item, in order."""

    def __init__(
        self,
        run: Callable[[Group, Sequence[Work]], Sequence[Result]],
        *,
        batch_size: int,
        queue_limit: int,
    ) -> None:
        self._run = run
        self._batch_size, self._queue_limit = batch_size, queue_limit
        self._waiting: OrderedDict[Group, deque[tuple[Work, Future[Result]]]] = OrderedDict()
        self._changed = threading.Condition()
        self._stopped = False
        self._busy_since: float | None = None  # monotonic, of the batch in work
        self._thread = threading.Thread(target=self._loop, name="model", daemon=True)
        self._thread.start()

    def submit(self, group: Group, work: Work) -> Future[Result]:
        """Queue one piece of work; InferenceBusy when the queue is full."""
        future: Future[Result] = Future()
        with self._changed:
            if self._stopped or not self._thread.is_alive():
                raise InferenceUnavailable("this address")
            if self._length() >= self._queue_limit:
                raise InferenceBusy
            self._waiting.setdefault(group, deque()).append((work, future))
            self._changed.notify()
        return future

    def length(self) -> int:
        """How many requests wait, those being worked on not counted."""
        with self._changed:
            return self._length()

    def problem(self, *, patience: float) -> str:
        """Why nobody is answered: the thread has ended, or one batch takes longer than `patience` seconds.

        Empty while it works.
        """
        if not self._thread.is_alive():
            return "the thread that owns the model has ended"
        since = self._busy_since
        if since is not None and time.monotonic() - since > patience:
            return f"the model has worked on one batch for {time.monotonic() - since:.0f} s"
        return ""

    def stop(self) -> None:
        """Finish the batch in work; what still waits fails with InferenceUnavailable."""
        with self._changed:
            self._stopped = True
            left = [future for group in self._waiting.values() for _, future in group]
            self._waiting.clear()
            self._changed.notify()
        for future in left:
            if future.set_running_or_notify_cancel():
                future.set_exception(InferenceUnavailable("this address"))
        self._thread.join()

    def _length(self) -> int:
        return sum(len(group) for group in self._waiting.values())

    def _loop(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopped or self._waiting)
                if self._stopped:
                    return
            self._settle()
            taken = self._take()
            if taken is not None:
                self._busy_since = time.monotonic()
                self._work(*taken)
                self._busy_since = None

    def _settle(self) -> None:
        before = self.length()
        for _ in range(_SETTLE_ROUNDS):
            time.sleep(_SETTLE_SECONDS)
            now = self.length()
            if now == before or now >= self._batch_size:
                return
            before = now

    def _take(self) -> tuple[Group, list[tuple[Work, Future[Result]]]] | None:
        """The next group's oldest requests; None when everything was cancelled or stopped meanwhile."""
        with self._changed:
            if not self._waiting:
                return None
            group, queue = self._waiting.popitem(last=False)
            batch = [queue.popleft() for _ in range(min(len(queue), self._batch_size))]
            if queue:
                self._waiting[group] = queue  # what is left waits behind the other groups
        live = [item for item in batch if item[1].set_running_or_notify_cancel()]
        return (group, live) if live else None

    def _work(self, group: Group, batch: Sequence[tuple[Work, Future[Result]]]) -> None:
        try:
            results = self._run(group, [work for work, _ in batch])
        except PersonaLoopError as error:
            failure: Exception = error
        except Exception as error:
            logger.exception("a batch failed")  # and the thread lives on for the next one
            failure = error
        else:
            for (_, future), result in zip(batch, results, strict=True):
                future.set_result(result)
            return
        for _, future in batch:
            future.set_exception(failure)
