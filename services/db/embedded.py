"""The embedded PostgreSQL: a real server from a wheel, its data in `{var_dir}/postgres`.

It listens on loopback, asks for a password, and lives from `start` to `stop`, or as long as the process that
started it. Its programs are `postgres_programs`; the schema and sessions live elsewhere.
"""

import fcntl
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg2
from psycopg2.extensions import connection

from services.db.granting import SERVICE_ROLE
from services.db.postgres_programs import (
    ENVIRONMENT,
    give,
    let_in,
    open_the_way,
    programs,
    run_program,
    system_user,
)
from services.errors.outages import EmbeddedDatabaseFailed
from services.lifetime import spawn
from services.settings import Settings
from services.var_dir import make_private

OWNER = "persona_loop"
DATABASES = ("persona_loop", "airflow")
_HOST = "127.0.0.1"
_AUTH = "scram-sha-256"
_READY_WITHIN = 60.0  # seconds; recovery after a crash included
_STOPPED_WITHIN = 300.0  # its last checkpoint writes out what is in memory, which takes a slow disk a while
# One call for the whole file system instead of one for each of a thousand files: seconds on a slow disk.
_SYNC_METHOD = "syncfs" if sys.platform == "linux" else "fsync"
_OPTIONS = {
    "listen_addresses": _HOST,
    "unix_socket_directories": "",  # a socket's path may not exceed 107 bytes; a port has no such limit
    "max_connections": "160",  # Airflow's processes hold up to 15 each, the web app's three for two threads
    "shared_buffers": "128MB",
    "max_wal_size": "512MB",
    "jit": "off",
    "recovery_init_sync_method": _SYNC_METHOD,
}
_NO_SERVER_YET = ("refused", "closed the connection", "starting up", "shutting down", "recovery")
_children: dict[
    Path, subprocess.Popen[bytes]
] = {}  # servers this process started, to be waited for after `stop`


@dataclass(frozen=True, slots=True)
class _Running:
    pid: int
    port: int


def start(settings: Settings) -> None:
    """Start the server and make its databases; does nothing when it runs already.

    Call it from the main thread: on Linux the server ends with the thread that started it.
    Raises EmbeddedDatabaseFailed.
    """
    make_private(settings.var_dir)
    with _one_at_a_time(settings):
        running = _running(settings)
        server = _login(settings, running.port) if running else None
        if server is None:
            _reap(_data(settings))
            _initialise(settings)
            server = _launch(settings)
        with closing(server):
            _create_databases(server)
            _let_the_service_in(settings, server)


def is_running(settings: Settings) -> bool:
    """Whether the server's process is there; the server itself is not asked."""
    child = _children.get(_data(settings))
    return child.poll() is None if child is not None else _running(settings) is not None


def stop(settings: Settings) -> None:
    """Roll back what is open, write everything to disk and stop; fine when it is not running."""
    with _one_at_a_time(settings):
        running = _running(settings)
        if running is not None:
            os.kill(running.pid, signal.SIGINT)  # the fast shutdown
            _wait_for_its_end(settings)
        child = _children.pop(_data(settings), None)
        if child is not None:
            child.wait()


def embedded_url(settings: Settings, *, owner: bool = False) -> str | None:
    """The SQLAlchemy URL, password included, of the service's own role or of the tables' owner.

    None when the server is not running.

    It makes libpq refuse a program that listens on the remembered port and asks for the password in clear.
    """
    running = _running(settings)
    if running is None:
        return None
    role, secret = (
        (OWNER, settings.database_password) if owner else (SERVICE_ROLE, settings.database_service_password)
    )
    account = f"{role}:{secret.get_secret_value()}"
    return f"postgresql+psycopg2://{account}@{_HOST}:{running.port}/{DATABASES[0]}?require_auth={_AUTH}"


def _data(settings: Settings) -> Path:
    return settings.var_dir.resolve() / "postgres"


def _log(settings: Settings) -> Path:
    return settings.var_dir.resolve() / "log" / "postgres.log"


@contextmanager
def _one_at_a_time(settings: Settings) -> Iterator[None]:
    with (settings.var_dir / "postgres.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _running(settings: Settings) -> _Running | None:
    """What postmaster.pid says, if that process exists and is ready for connections."""
    try:
        lines = (_data(settings) / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, PermissionError):
        return None
    if len(lines) < 8 or lines[7].strip() != "ready":
        return None
    running = _Running(pid=int(lines[0]), port=int(lines[3]))
    try:
        os.kill(running.pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass  # it exists and belongs to another user
    return running


def _login(settings: Settings, port: int) -> connection | None:
    """A connection, or None when no server answers: a pid file may outlive its server."""
    try:
        return psycopg2.connect(
            host=_HOST,
            port=port,
            user=OWNER,
            password=settings.database_password.get_secret_value(),
            dbname="postgres",
            require_auth=_AUTH,
            connect_timeout=5,
        )
    except psycopg2.OperationalError as error:
        reason = str(error).strip()
        if any(part in reason for part in _NO_SERVER_YET):
            return None
        if "authentication failed" in reason:
            reason = "its data was made with another DATABASE_PASSWORD than the one in use"
        raise EmbeddedDatabaseFailed(reason) from error


def _wait_for_its_end(settings: Settings) -> None:
    """Its pid file goes last, unless it was killed; a server of another process has nothing else to tell."""
    child = _children.get(_data(settings))
    deadline = time.monotonic() + _STOPPED_WITHIN
    while (_data(settings) / "postmaster.pid").exists() and (child is None or child.poll() is None):
        if time.monotonic() > deadline:
            raise EmbeddedDatabaseFailed(f"it does not stop; its log is {_log(settings)}")
        time.sleep(0.02)


def _initialise(settings: Settings) -> None:
    """Make the data folder in one step: it is built beside its place and moved in when it is whole."""
    data = _data(settings)
    let_in(settings.var_dir.resolve())
    open_the_way(data)
    if data.exists():
        return
    with tempfile.TemporaryDirectory(dir=settings.var_dir.resolve(), prefix="postgres-new-") as folder:
        password = Path(folder) / "password"
        password.touch(mode=0o600)
        password.write_text(settings.database_password.get_secret_value(), encoding="utf-8")
        give(Path(folder))
        give(password)
        draft = Path(folder) / "data"
        run_program(
            "initdb",
            f"--pgdata={draft}",
            f"--username={OWNER}",
            f"--pwfile={password}",
            f"--auth={_AUTH}",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            f"--sync-method={_SYNC_METHOD}",
        )
        draft.rename(data)


def _launch(settings: Settings) -> connection:
    data, log = _data(settings), _log(settings)
    port = _choose_port(data)
    options = [f"--{name}={value}" for name, value in {**_OPTIONS, "port": str(port)}.items()]
    deadline = time.monotonic() + _READY_WITHIN
    while time.monotonic() < deadline:
        child = spawn(
            [str(programs() / "postgres"), "-D", str(data), *options],
            log=log,
            env=ENVIRONMENT,
            on_parent_death=signal.SIGINT,  # PostgreSQL's fast shutdown
            user=system_user(),
        )
        _children[data] = child
        while child.poll() is None and time.monotonic() < deadline:
            running = _running(settings)
            server = _login(settings, port) if running else None
            if server is not None:
                return server
            time.sleep(0.02)
        # After a kill -9 the old server's last children may hold its shared memory for a moment: try again.
        time.sleep(0.5)
    _reap(data)
    raise EmbeddedDatabaseFailed(f"{_last_line(log)}; its log is {log}")


def _reap(data: Path) -> None:
    """End and wait for a server of ours that does not answer: unreaped, its pid would seem to be alive."""
    child = _children.pop(data, None)
    if child is not None:
        child.kill()
        child.wait()


def _choose_port(data: Path) -> int:
    """The port used last time, so that addresses people noted stay true; a free one when that is taken."""
    remembered = data.parent / "postgres.port"
    with suppress(OSError, ValueError):
        port = int(remembered.read_text(encoding="ascii"))
        with closing(socket.socket()) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as PostgreSQL itself does
            probe.bind((_HOST, port))
        return port
    with closing(socket.socket()) as probe:
        probe.bind((_HOST, 0))
        port = int(probe.getsockname()[1])
    remembered.write_text(f"{port}\n", encoding="ascii")
    return port


def _create_databases(server: connection) -> None:
    server.autocommit = True
    with server.cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database")
        present = {name for (name,) in cursor.fetchall()}
        for name in DATABASES:
            if name not in present:
                cursor.execute(f'CREATE DATABASE "{name}"')


def _let_the_service_in(settings: Settings, server: connection) -> None:
    """The role as which everything but migrations signs in, under the password of now."""
    password = settings.database_service_password.get_secret_value()
    with server.cursor() as cursor:
        cursor.execute("SELECT FROM pg_roles WHERE rolname = %s", (SERVICE_ROLE,))
        verb = "ALTER" if cursor.fetchone() is not None else "CREATE"
        cursor.execute(f"{verb} ROLE {SERVICE_ROLE} LOGIN PASSWORD %s", (password,))


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "no message"
