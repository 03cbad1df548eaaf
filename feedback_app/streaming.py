"""An answer sent as it is written: server-sent events, for a page whose script asked for them.

    event: piece     the next words
    event: anew      what came before is void: the answer is written once more, as it was not in its format
    event: done      where the answer is, stored whole
    event: refused   there is none: the page says why, once its form is sent as if there were no script
    event: erased    its asker was, and the form is not to be sent again: where that is said

It is written in a thread of its own and stored at its end in one piece, whoever went away meanwhile.
"""

import json
import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Protocol, cast
from uuid import UUID

from flask import Response
from flask.globals import request_ctx
from sqlalchemy import Engine
from werkzeug.routing import MapAdapter

from services.db.session import session_scope
from services.domain.feedback import AnswerId
from services.errors.refusals import RaterErased
from services.errors.tree import PersonaLoopError
from services.feedback.stopping import is_stopped
from services.serving.answering import Listener

logger = logging.getLogger(__name__)

MIMETYPE = "text/event-stream"
LOOKS_EVERY_S = 0.25  # whether the asker has enough
SAYS_SOMETHING_EVERY_S = 10.0  # lest a proxy takes a long wait for the end

_REFUSED = ("refused", "")
_LAST = frozenset({"done", "refused", "erased"})


class Asking(Protocol):
    def __call__(self, *, listener: Listener | None) -> AnswerId: ...


@dataclass(slots=True)
class Telling:
    """A Listener that keeps what it is told for the response, until the asker of this form has enough."""

    engine: Engine
    submission: UUID
    since: datetime
    _events: SimpleQueue[tuple[str, str]] = field(default_factory=SimpleQueue)
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
        outcome = _REFUSED
        with under_way:
            try:
                outcome = ("done", str(ask(listener=self)))
            except RaterErased:
                outcome = ("erased", "")
            except PersonaLoopError as problem:
                logger.info("an answer that was being told is refused: %s", problem)
            finally:
                self._events.put(outcome)

    def events(self, pages: MapAdapter) -> Iterator[str]:
        kind = ""
        while kind not in _LAST:
            try:
                kind, data = self._events.get(timeout=SAYS_SOMETHING_EVERY_S)
            except Empty:
                yield ": still here\n\n"
                continue
            if kind == "done":
                data = pages.build("answers.page", {"answer_id": data})
            if kind == "erased":
                data = pages.build("own_data.page", {"deleted": "yes"})
            yield f"event: {kind}\ndata: {json.dumps(data)}\n\n"


def stream(telling: Telling, ask: Asking, under_way: ExitStack) -> Response:
    Thread(target=telling.write, args=(ask, under_way), name="writing").start()
    # Proxies that keep a response until it is whole are told not to.
    headers = {"X-Accel-Buffering": "no"}
    pages = cast("MapAdapter", request_ctx.url_adapter)  # a request has one
    return Response(telling.events(pages), mimetype=MIMETYPE, headers=headers)
