"""A steady load of asks through the web app, to see that nobody is turned away while versions change.

The asks are not rated, so nothing learns from them.
"""

import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from services.demo.raters import Inquiry
from services.demo.visitor import Visitor
from services.domain.personas import AUDIENCES
from services.errors.outages import VisitFailed

VISITORS = 16
SECONDS_BETWEEN_ASKS = 0.25  # of all visitors together, as long as answers take less than VISITORS times that


class SteadyLoad:
    """A context manager; `start` begins the load once, leaving the block ends it.

    `asked` counts finished asks, `failures` has a sentence for each that was not served.
    """

    def __init__(self, address: str, persona: str, inquiries: Sequence[Inquiry]) -> None:
        self._address = address
        self._persona = persona
        self._inquiries = inquiries
        self._ending = threading.Event()
        self._visitors = [threading.Thread(target=self._visit, args=(number,)) for number in range(VISITORS)]
        self._lock = threading.Lock()
        self._began: float | None = None
        self.asked = 0
        self.failures: list[str] = []

    def __enter__(self) -> Self:
        return self

    def start(self) -> None:
        """Begin asking; a second call changes nothing."""
        if self._began is None:
            self._began = time.monotonic()
            for visitor in self._visitors:
                visitor.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ending.set()
        if self._began is not None:
            for visitor in self._visitors:
                visitor.join()

    def _visit(self, number: int) -> None:
        """Visitor `number` asks at its own moments of a common beat, and at once when it is late."""
        beat = SECONDS_BETWEEN_ASKS * VISITORS
        due = time.monotonic() + SECONDS_BETWEEN_ASKS * number
        turn = number
        with Visitor(self._address) as visitor:
            while not self._ending.wait(max(0.0, due - time.monotonic())):
                self._ask(
                    visitor, self._inquiries[turn % len(self._inquiries)], AUDIENCES[turn % len(AUDIENCES)]
                )
                turn += VISITORS
                due = max(due + beat, time.monotonic())

    def _ask(self, visitor: Visitor, inquiry: Inquiry, audience: str) -> None:
        problem = ""
        try:
            visitor.ask(self._persona, inquiry.question, domain=inquiry.entry.fact.domain, audience=audience)
        except VisitFailed as error:
            problem = str(error)
        with self._lock:
            self.asked += 1
            if problem:
                self.failures.append(problem)
