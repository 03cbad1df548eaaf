"""The embedded PostgreSQL: found when it runs, kept through a kill -9, closed without the password."""

import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import psutil
import psycopg2
import pytest
from pydantic import SecretStr
from sqlalchemy import make_url
from sqlalchemy.exc import OperationalError

from services.db import embedded
from services.db.session import make_engine
from services.errors.outages import EmbeddedDatabaseFailed
from services.operations.secrets import ensure_secrets
from services.settings import ROOT, SECRETS_FILE, Settings

_STARTUP = struct.pack("!I", 3 << 16)  # the protocol's version in a client's first packet


def installation(var_dir: Path) -> Settings:
    return Settings(_env_file=ensure_secrets(var_dir), var_dir=var_dir)


@pytest.fixture(scope="module")
def settings(own_var_dir: Path) -> Iterator[Settings]:
    """An installation of its own whose server runs, under a path far longer than a socket's may be."""
    own = installation(own_var_dir / ("x" * 120))
    embedded.start(own)
    yield own
    embedded.stop(own)


def rows(settings: Settings, statement: str, database: str = "persona_loop") -> list[tuple[object, ...]]:
    url = embedded.embedded_url(settings, owner=True)
    assert url is not None
    address = make_url(url).set(drivername="postgresql", database=database)
    with closing(psycopg2.connect(address.render_as_string(hide_password=False))) as connection, connection:
        cursor = connection.cursor()
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def server_pid(settings: Settings) -> int:
    return int((settings.var_dir / "postgres" / "postmaster.pid").read_text().split()[0])


def test_nothing_is_found_before_the_first_start(tmp_path: Path):
    assert embedded.embedded_url(installation(tmp_path)) is None


def test_our_database_and_airflows_are_there(settings: Settings):
    for database in ("persona_loop", "airflow"):
        assert rows(settings, "SELECT current_database()", database) == [(database,)]


def test_it_listens_on_loopback_only_and_writes_through(settings: Settings):
    assert rows(settings, "SHOW listen_addresses") == [("127.0.0.1",)]
    assert rows(settings, "SHOW unix_socket_directories") == [("",)]
    assert rows(settings, "SHOW fsync") == [("on",)]


def test_a_second_start_changes_nothing(settings: Settings):
    pid = server_pid(settings)
    embedded.start(settings)
    assert server_pid(settings) == pid


def test_a_wrong_password_is_refused(settings: Settings):
    wrong = settings.model_copy(update={"database_password": SecretStr("wrong")})
    with pytest.raises(psycopg2.OperationalError, match="authentication failed"):
        rows(wrong, "SELECT 1")


def test_a_start_with_another_password_says_so(settings: Settings):
    wrong = settings.model_copy(update={"database_password": SecretStr("wrong")})
    with pytest.raises(EmbeddedDatabaseFailed, match="DATABASE_PASSWORD"):
        embedded.start(wrong)
    assert rows(settings, "SELECT 1") == [(1,)]


def test_committed_rows_survive_a_kill(settings: Settings):
    rows(settings, "CREATE TABLE kept (word text)")
    rows(settings, "INSERT INTO kept VALUES ('still here')")
    pid = server_pid(settings)
    os.kill(pid, signal.SIGKILL)
    embedded.start(settings)
    assert server_pid(settings) != pid
    assert rows(settings, "SELECT word FROM kept") == [("still here",)]


def test_stopping_one_that_was_killed_is_no_error(settings: Settings):
    assert embedded.is_running(settings)
    os.kill(server_pid(settings), signal.SIGKILL)
    before = time.monotonic()
    embedded.stop(settings)
    assert time.monotonic() - before < 5
    assert not embedded.is_running(settings)
    embedded.start(settings)


def test_it_comes_back_on_its_old_port_with_its_rows(settings: Settings):
    rows(settings, "CREATE TABLE also_kept (number int)")
    before = embedded.embedded_url(settings)
    embedded.stop(settings)
    assert embedded.embedded_url(settings) is None
    embedded.stop(settings)
    embedded.start(settings)
    assert embedded.embedded_url(settings) == before
    assert rows(settings, "SELECT * FROM also_kept") == []


def test_it_moves_to_a_free_port_when_its_own_is_taken(settings: Settings):
    embedded.stop(settings)
    port = int((settings.var_dir / "postgres.port").read_text())
    with closing(socket.socket()) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        embedded.start(settings)
        assert rows(settings, "SHOW port") != [(str(port),)]


def test_the_pid_of_another_program_is_not_taken_for_the_server(settings: Settings):
    """After a reboot the pid in a left-over file may belong to anyone."""
    embedded.stop(settings)
    stale = settings.var_dir / "postgres" / "postmaster.pid"
    port = (settings.var_dir / "postgres.port").read_text().strip()
    data = settings.var_dir / "postgres"
    stale.write_text(f"{os.getpid()}\n{data}\n{int(time.time())}\n{port}\n\n127.0.0.1\n0 0\nready\n")
    stale.chmod(0o644)  # the server's user reads it
    embedded.start(settings)
    assert rows(settings, "SELECT 1") == [(1,)]
    assert server_pid(settings) != os.getpid()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_it_ends_with_the_process_that_started_it(own_var_dir: Path):
    program = (
        "import sys, time; from pathlib import Path; from services.db import embedded\n"
        "from services.settings import Settings; var = Path(sys.argv[1])\n"
        f"embedded.start(Settings(_env_file=var / {SECRETS_FILE!r}, var_dir=var))\n"
        "print('started', flush=True); time.sleep(60)"
    )
    own = installation(own_var_dir / "ends")
    with subprocess.Popen(
        [sys.executable, "-c", program, str(own.var_dir)], cwd=ROOT, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        server = psutil.Process(server_pid(own))
        parent.kill()
    server.wait(timeout=20)
    assert not (own.var_dir / "postgres" / "postmaster.pid").exists()  # shut down, not killed


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's server runs as another user")
def test_a_folder_that_its_user_cannot_pass_through_is_opened_for_passing_and_named(
    own_var_dir: Path, caplog: pytest.LogCaptureFixture
):
    closed = own_var_dir / "closed"
    closed.mkdir()
    closed.chmod(0o700)
    own = installation(closed / "var")
    embedded.start(own)
    embedded.stop(own)
    assert closed.stat().st_mode & 0o777 == 0o701
    assert [record.getMessage() for record in caplog.records if str(closed) in record.getMessage()] == [
        f"{closed} lets user pgserver pass through now (o+x), as PostgreSQL cannot run as root"
    ]


def test_a_program_on_the_remembered_port_is_not_told_the_password(settings: Settings):
    """Whoever binds it while the server is away may ask for the password in clear."""
    url = embedded.embedded_url(settings)
    assert url is not None
    heard: list[bytes] = []

    def ask_in_clear(listener: socket.socket) -> None:
        connected, _ = listener.accept()
        with connected:
            while (packet := connected.recv(4096)) and packet[4:8] != _STARTUP:
                connected.sendall(b"N")  # no TLS, no GSS
            connected.sendall(b"R" + struct.pack("!II", 8, 3))
            with suppress(ConnectionError):
                heard.append(connected.recv(4096))

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        impostor = make_url(url).set(port=listener.getsockname()[1])
        thread = threading.Thread(target=ask_in_clear, args=(listener,))
        thread.start()
        engine = make_engine(impostor.render_as_string(hide_password=False))
        with pytest.raises(OperationalError, match="authentication method requirement"):
            engine.connect()
        thread.join(10)
    assert heard == [b""]
