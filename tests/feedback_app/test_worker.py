"""The worker: whoever sends or reads slowly, the served app answers everybody else in time."""

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import httpx
import pytest

from feedback_app.security import LARGEST_FORM_BYTES
from feedback_app.worker import REQUEST_S
from services.settings import Settings
from tests.feedback_app.conftest import THREADS, served

HEAD = b"POST /p/pirate/ask HTTP/1.1\r\nHost: localhost\r\n"
FORM = b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\n"
ROOM_S = 5.0  # for everything but waiting

Dial = Callable[[bytes], socket.socket]


@contextmanager
def dialling(address: str) -> Iterator[Dial]:
    """Opens a connection on which these bytes are sent and nothing is read; it stays open."""
    where = urlsplit(address)
    assert where.hostname is not None
    with ExitStack() as stack:

        def open_one(sent: bytes) -> socket.socket:
            client = stack.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)  # what is not read fills up soon
            client.connect((where.hostname, where.port))
            client.sendall(sent)
            return client

        yield open_one


@pytest.fixture
def dial(address: str) -> Iterator[Dial]:
    with dialling(address) as open_one:
        yield open_one


def seconds_until_answered(address: str, *, after: float = 0.0) -> float:
    time.sleep(after)
    began = time.monotonic()
    httpx.get(f"{address}/healthz", timeout=3 * REQUEST_S).raise_for_status()
    return time.monotonic() - began


def test_who_sends_or_reads_slowly_holds_a_thread_for_a_while_only(address: str, dial: Dial):
    asset = b"GET /bootstrap/static/css/bootstrap.min.css HTTP/1.1\r\nHost: localhost\r\n\r\n"
    stalled = [HEAD + b"X-", HEAD + FORM + b"question=W", 40 * asset]
    dripping = dial(HEAD + b"X")
    assert len([dial(sent) for sent in stalled]) + 1 == THREADS
    with ThreadPoolExecutor(1) as pool:
        answered = pool.submit(seconds_until_answered, address, after=1.0)  # every thread is held by then
        while not answered.done():
            with contextlib.suppress(ConnectionError):
                dripping.sendall(b"X")
            time.sleep(1)
    assert 1 < answered.result() < REQUEST_S + ROOM_S


def test_who_drips_is_let_go_too(address: str, dial: Dial):
    clients = [dial(HEAD + b"X") for _ in range(THREADS)]
    ends = time.monotonic() + REQUEST_S + ROOM_S
    with pytest.raises(ConnectionError):  # noqa: PT012 - which byte meets a closed connection is not said
        while time.monotonic() < ends:
            for client in clients:
                client.sendall(b"X")
            time.sleep(1)
    assert seconds_until_answered(address) < ROOM_S


def test_who_does_not_hang_up_keeps_nobody_else_waiting(address: str, dial: Dial):
    goodbye_s = 2.0  # of gunicorn, for each of them
    for _ in range(3 * THREADS):
        dial(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert seconds_until_answered(address, after=1.0) < 3 * goodbye_s + ROOM_S


def test_a_worker_whose_master_was_killed_leaves_its_port_in_time(settings: Settings, database_url: str):
    graceful_s, notices_s = 10, 2
    with served(settings, database_url) as (where, master), dialling(where) as dial:
        dial(HEAD + b"X")
        seconds_until_answered(where)  # the worker has taken both up
        master.kill()
        master.wait(ROOM_S)
        began = time.monotonic()
        while listens(where):
            assert time.monotonic() - began < graceful_s + notices_s + ROOM_S
            time.sleep(0.2)


def listens(address: str) -> bool:
    where = urlsplit(address)
    with socket.socket() as probe:
        return probe.connect_ex((where.hostname, where.port)) == 0


@pytest.mark.parametrize("path", ["/p/pirate/ask", "/api/v1/personas/pirate/answers"])
def test_after_what_is_too_large_the_connection_is_closed_and_the_answer_says_so(address: str, path: str):
    with httpx.Client(base_url=address) as client:
        for large, ends in ((False, None), (True, "close"), (False, None)):
            size = LARGEST_FORM_BYTES + 1 if large else 10
            answered = client.post(path, content=b"x" * size)
            assert answered.is_client_error
            assert answered.headers["Connection"] == (ends or "keep-alive")
