"""The processes of a Procfile on this machine: started, watched, brought back, and stopped to the last child.

A file of their output each; order and health are `stack`'s. honcho runs the same Procfile by hand; its
manager is not used here: it takes over the main thread and leaves its children behind when it is killed.
"""

import logging
import os
import signal
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen, TimeoutExpired

import psutil
from honcho.environ import parse_procfile

from services.errors.outages import ServiceDied
from services.lifetime import spawn

logger = logging.getLogger(__name__)

_MOST_RESTARTS = 5  # of one process, within
_RESTARTS_WITHIN = 120.0  # seconds
_CLOCK_STEP = 1.0  # seconds; the age of a process counts from the boot, which Linux tells in whole seconds
_GRACE = 15.0  # seconds between asking a process to stop and killing it


@dataclass(slots=True)
class _Process:
    command: str
    popen: Popen[bytes]
    restarts: list[float] = field(default_factory=list)  # monotonic times


class Processes:
    """Call its methods from one thread: on Linux a child ends with the thread that started it."""

    def __init__(self, procfile: Path, *, env: Mapping[str, str], logs: Path) -> None:
        self._commands: dict[str, str] = parse_procfile(procfile.read_text(encoding="utf-8")).processes
        self._env = env
        self._logs = logs
        self._running: dict[str, _Process] = {}
        self._sessions: set[int] = set()

    def names(self) -> tuple[str, ...]:
        return tuple(self._commands)

    def log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def start(self, name: str) -> None:
        command = self._commands[name]
        self._running[name] = _Process(command, self._spawn(name, command))

    def begin(self, name: str, command: str) -> Popen[bytes]:
        """Start a command that is not in the Procfile; `finish` waits for it."""
        return self._spawn(name, command)

    def finish(self, name: str, popen: Popen[bytes]) -> None:
        if popen.wait() != 0:
            raise ServiceDied(name, popen.returncode, self._last_words(name), str(self.log(name)))
        self._forget_empty_sessions()

    def raise_if_ended(self, *, except_for: Collection[str] = ()) -> None:
        """ServiceDied for the first that has ended by itself; what is excepted is started again instead."""
        for name, process in self._running.items():
            returncode = process.popen.poll()
            if returncode is not None and name not in except_for:
                raise ServiceDied(name, returncode, self._last_words(name), str(self.log(name)))
        self.revive()

    def revive(self) -> None:
        """Start again what has ended by itself; ServiceDied when one does so again and again."""
        for name, process in self._running.items():
            returncode = process.popen.poll()
            if returncode is None:
                continue
            now = time.monotonic()
            process.restarts = [at for at in process.restarts if now - at < _RESTARTS_WITHIN]
            if len(process.restarts) >= _MOST_RESTARTS:
                raise ServiceDied(name, returncode, self._last_words(name), str(self.log(name)))
            process.restarts.append(now)
            logger.warning("%s ended by itself (code %d) and is started again", name, returncode)
            time.sleep(1.0)  # what it needs may be gone for a moment
            process.popen = self._spawn(name, process.command)
        self._forget_empty_sessions()

    def stop(self, *, last: Collection[str] = ()) -> None:
        """Ask all to stop, those named `last` after the others; then kill what any of them left behind."""
        for is_late in (False, True):
            processes = [one.popen for name, one in self._running.items() if (name in last) is is_late]
            for popen in processes:
                with suppress(ProcessLookupError):
                    popen.terminate()
            deadline = time.monotonic() + _GRACE
            for popen in processes:
                with suppress(TimeoutExpired):
                    popen.wait(max(0.0, deadline - time.monotonic()))
        deadline = time.monotonic() + _GRACE
        while self._kill_what_is_left() and time.monotonic() < deadline:
            time.sleep(0.02)
        for process in self._running.values():
            process.popen.poll()  # reaps it
        self._running.clear()

    def _spawn(self, name: str, command: str) -> Popen[bytes]:
        popen = spawn(
            ["/bin/sh", "-c", f"exec {command}"],
            log=self.log(name),
            env=self._env,
            on_parent_death=signal.SIGTERM,
        )
        self._sessions.add(popen.pid)
        return popen

    def _kill_what_is_left(self) -> bool:
        """Whether anybody was. Each process leads a session that even its orphans stay in."""
        found = False
        for process in psutil.process_iter(["status"]):
            with suppress(ProcessLookupError, PermissionError):
                alive = process.info["status"] != psutil.STATUS_ZOMBIE
                if alive and os.getsid(process.pid) in self._sessions:
                    os.kill(process.pid, signal.SIGKILL)
                    found = True
        return found

    def _forget_empty_sessions(self) -> None:
        """Nobody of an ended process is left: the system may give its id to another program, ours no more."""
        led = {process.popen.pid for process in self._running.values()}
        if self._sessions <= led:
            return
        inhabited = set()
        for pid in psutil.pids():
            with suppress(ProcessLookupError, PermissionError):
                inhabited.add(os.getsid(pid))
        self._sessions &= led | inhabited

    def _last_words(self, name: str) -> str:
        lines = self.log(name).read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1].strip()[:300] if lines else "it said nothing"


def end_leftover(pid_file: Path) -> None:
    """Kill the process that wrote a pid file, with its children, and drop the file; fine when either is gone.

    For a start after one that was killed. The system may have given the pid to another program since: that
    one began after the file was written, and is left alone.
    """
    try:
        pid, written = int(pid_file.read_text(encoding="ascii")), pid_file.stat().st_mtime
    except (FileNotFoundError, ValueError):
        pid_file.unlink(missing_ok=True)
        return
    with suppress(psutil.NoSuchProcess):
        writer = psutil.Process(pid)
        if writer.create_time() <= written + _CLOCK_STEP:
            logger.warning("process %d of an earlier start is still there and is killed", pid)
            for process in (writer, *writer.children(recursive=True)):
                with suppress(psutil.NoSuchProcess):
                    process.kill()
    pid_file.unlink(missing_ok=True)
