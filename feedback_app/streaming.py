"""An answer sent as it is written: server-sent events, for whoever asked for them: a page's script, a client.

    event: piece     the next words
    event: anew      what came before is void: the answer is written once more, as it was not in its format
    event: done      it is stored whole
    event: refused   there is none
    event: erased    there is none, as its asker was erased, and the form is not to be sent again

What the last one says besides is for whoever reads it (`told`). The answer is written in a thread of its own
and stored at its end in one piece, whoever went away meanwhile.
"""

import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Protocol
from uuid import UUID

from flask import Response, request
from sqlalchemy import Engine

from services.db.session import session_scope
from services.errors.refusals import RaterErased
from services.errors.tree import PersonaLoopError
from services.feedback.stopping import is_stopped
from services.serving.answering import Listener

logger = logging.getLogger(__name__)

MIMETYPE = "text/event-stream"
LOOKS_EVERY_S = 0.25  # whether the asker has enough
SAYS_SOMETHING_EVERY_S = 10.0  # lest a proxy takes a long wait for the end

_LAST = frozenset({"done", "refused", "erased"})

Event = tuple[
    str, object
]  # its kind, and what is said of it: of a refusal the error, None for a fault of ours


class Asking(Protocol):
    def __call__(self, *, listener: Listener | None) -> object: ...


@dataclass(slots=True)
class Telling:
    """A Listener that keeps what it is told for the response, until the asker of this form has enough."""

    engine: Engine
    submission: UUID
    since: datetime
    _events: SimpleQueue[Event] = field(default_factory=SimpleQueue)
    _begun: bool = False
    _next_look: float = 0.0

    def begin(self) -> None:
        if self._begun:
            self._events.put(("anew", ""))
        self._begun = True

    def hear(self, piece: str) -> bool:
        self._events.put(("piece", piece))
        if time.monotonic() < self._next_look:
            return True
        self._next_look = time.monotonic() + LOOKS_EVERY_S
        with session_scope(self.engine) as session:
            return not is_stopped(session, submission=self.submission, since=self.since)

    def write(self, ask: Asking, under_way: ExitStack) -> None:
        """Until the answer is stored; `under_way` ends then. This is the thread's work."""
        outcome: Event = ("refused", None)
        with under_way:
            try:
                outcome = ("done", ask(listener=self))
            except RaterErased as problem:
                outcome = ("erased", problem)
            except PersonaLoopError as problem:
                logger.info("an answer that was being told is refused: %s", problem)
                outcome = ("refused", problem)
            finally:
                self._events.put(outcome)

    def events(self, told: Callable[[Event], Event]) -> Iterator[str]:
        kind = ""
        while kind not in _LAST:
            try:
                event = self._events.get(timeout=SAYS_SOMETHING_EVERY_S)
            except Empty:
                yield ": still here\n\n"
                continue
            kind, data = told(event) if event[0] in _LAST else event
            yield f"event: {kind}\ndata: {json.dumps(data)}\n\n"


def stream(telling: Telling, ask: Asking, under_way: ExitStack, told: Callable[[Event], Event]) -> Response:
    """`told` makes of the last event what its reader is told; it is called when the request is over."""
    Thread(target=telling.write, args=(ask, under_way), name="writing").start()
    # Proxies that keep a response until it is whole are told not to.
    headers = {"X-Accel-Buffering": "no"}
    return Response(telling.events(told), mimetype=MIMETYPE, headers=headers)


def is_wanted() -> bool:
    """Whether this request asks for events."""
    return request.accept_mimetypes.best == MIMETYPE
