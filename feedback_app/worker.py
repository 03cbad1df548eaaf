"""The gunicorn worker that the app runs in: a client that is slow to send or to read does not keep a thread.

Gunicorn's own waits for ever once the first byte of a request is there, and says goodbye to each client in
its one main thread. What belongs between the internet and this is said in docs/operations.md.
"""

import contextlib
import errno
import math
import socket
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from gunicorn import util
from gunicorn.http.message import Request
from gunicorn.workers.gthread import TConn, ThreadWorker

from feedback_app.security import LARGEST_FORM_BYTES

if TYPE_CHECKING:
    from socket import _SendableFile

    from _typeshed import ReadableBuffer

REQUEST_S = 20.0  # for header and body together, from the moment a thread takes the request up


class TimedSocket(socket.socket):
    """A client's socket; one that takes too long counts as reset, which gunicorn takes without a word."""

    _deadline = math.inf

    def expect_request(self) -> None:
        """From now on all that is read must be there in REQUEST_S, however small the pieces."""
        self._deadline = time.monotonic() + REQUEST_S

    def expect_nothing(self) -> None:
        self._deadline = 0.0

    def setblocking(self, flag: bool, /) -> None:  # noqa: FBT001 - the signature is socket's
        self.settimeout(REQUEST_S if flag else 0.0)

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        left, allowed = self._deadline - time.monotonic(), self.gettimeout()
        if left <= 0:
            raise ConnectionResetError(errno.ECONNRESET, "the request took too long to arrive")
        if allowed is not None and allowed < left:
            return super().recv(size, flags)  # the shorter wait is gunicorn's own, as for a body nobody reads
        self.settimeout(left)
        try:
            with _reset_when_late():
                return super().recv(size, flags)
        finally:
            self.settimeout(allowed)

    def sendall(self, data: "ReadableBuffer", flags: int = 0, /) -> None:
        with _reset_when_late():
            super().sendall(data, flags)

    def sendfile(self, file: "_SendableFile", offset: int = 0, count: int | None = None) -> int:
        """In one piece, so that there is one limit for all of it; the files of this app are small."""
        file.seek(offset)
        content = file.read(-1 if count is None else count)
        self.sendall(content)
        return len(content)


class TimedWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """Gunicorn's threads on timed sockets."""

    def handle(self, conn: TConn) -> object:
        """One request in a worker thread; a falsy outcome closes the connection."""
        if type(conn.sock) is socket.socket:
            conn.sock = TimedSocket(fileno=conn.sock.detach())
        conn.sock.expect_request()
        outcome = super().handle(conn)
        if not outcome:
            # The main thread would wait for the client's goodbye, and nobody else be let in meanwhile.
            with contextlib.suppress(OSError):
                util.close_graceful(conn.sock.dup())
            conn.sock.expect_nothing()
        return outcome

    def handle_request(self, req: Request, conn: TConn) -> object:
        """What is too large is refused unread, and nothing after it can be: the answer is to say so."""
        sizes = [value for name, value in req.headers if name == "CONTENT-LENGTH"]
        if any(int(size) > LARGEST_FORM_BYTES for size in sizes):  # the parser took them for numbers
            req.force_close()
        return super().handle_request(req, conn)


@contextlib.contextmanager
def _reset_when_late() -> Iterator[None]:
    try:
        yield
    except TimeoutError as late:
        raise ConnectionResetError(errno.ECONNRESET, "the client took too long") from late
