"""The processes of a Procfile on this machine: started, watched, brought back, and stopped to the last child.

A file of their output each; order and health are `stack`'s. honcho runs the same Procfile by hand; its
manager is not used here: it takes over the main thread and leaves its children behind when it is killed.
"""

import logging
import os
import shlex
import signal
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen, TimeoutExpired

import psutil
from honcho.environ import parse_procfile

from services.errors.outages import ServiceDied
from services.lifetime import spawn

logger = logging.getLogger(__name__)

# A start that did not last counts as failed. gunicorn alone tries five seconds long to get its port.
_LASTING = 20.0  # seconds
_LONGEST_WAIT = 30.0  # seconds before the next start, after 1, 2, 4, …
_GIVES_UP_AFTER = 300.0  # seconds of starts none of which lasted
_CLOCK_STEP = 1.0  # seconds; the age of a process counts from the boot, which Linux tells in whole seconds
_GRACE = 15.0  # seconds between asking a process to stop and killing it


@dataclass(slots=True)
class _Process:
    """Times are monotonic."""

    command: str
    popen: Popen[bytes]
    started_at: float
    again_at: float | None = None  # when it is started again; None while it runs
    failures: int = 0  # starts in a row that did not last
    failing_since: float = 0.0  # the end of the first of them


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

    def add(self, name: str, *, like: str, env: Mapping[str, str]) -> None:
        """One more process: the command of another, with these variables over those of all."""
        variables = shlex.join(f"{key}={value}" for key, value in env.items())
        self._commands[name] = f"env {variables} {self._commands[like]}"

    def log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def start(self, name: str) -> None:
        command = self._commands[name]
        self._running[name] = _Process(command, self._spawn(name, command), time.monotonic())

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
            if process.popen.poll() is not None and name not in except_for:
                raise self._death(name, process)
        self.revive()

    def revive(self, *, never_give_up: Collection[str] = ()) -> None:
        """Call it again and again: what has ended by itself is started again, later after every failed start.

        What is left of it is asked to end at once, and is killed before the new start: an orphan may hold
        the port. ServiceDied when one has failed for minutes, unless it is named in `never_give_up`.
        """
        for name, process in self._running.items():
            now = time.monotonic()
            if process.again_at is None and process.popen.poll() is not None:
                self._plan_the_next_start(name, process, now)
                if now - process.failing_since > _GIVES_UP_AFTER and name not in never_give_up:
                    raise self._death(name, process)
            elif process.again_at is not None and now >= process.again_at:
                self._kill_what_is_left({process.popen.pid})
                process.popen = self._spawn(name, process.command)
                process.started_at, process.again_at = time.monotonic(), None
        self._forget_empty_sessions()

    def _plan_the_next_start(self, name: str, process: _Process, now: float) -> None:
        if now - process.started_at > _LASTING:
            process.failures = 0
        else:
            process.failures += 1
        if process.failures <= 1:
            process.failing_since = now
        wait = min(2.0 ** max(0, process.failures - 1), _LONGEST_WAIT)
        process.again_at = now + wait
        logger.warning("%s It is started again in %.0f s.", self._death(name, process), wait)
        self._signal_what_is_left(signal.SIGTERM, {process.popen.pid})

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
        self._kill_what_is_left(self._sessions)
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

    def _kill_what_is_left(self, sessions: Collection[int]) -> None:
        """Returns when nobody of these sessions is there, or at the end of the grace."""
        deadline = time.monotonic() + _GRACE
        while self._signal_what_is_left(signal.SIGKILL, sessions) and time.monotonic() < deadline:
            time.sleep(0.02)

    def _signal_what_is_left(self, number: signal.Signals, sessions: Collection[int]) -> bool:
        """Whether anybody was. Each process leads a session that even its orphans stay in."""
        ours = self._sessions.intersection(sessions)
        found = False
        for process in psutil.process_iter(["status"]):
            with suppress(ProcessLookupError, PermissionError):
                alive = process.info["status"] != psutil.STATUS_ZOMBIE
                if alive and os.getsid(process.pid) in ours:
                    os.kill(process.pid, number)
                    found = True
        return found

    def _forget_empty_sessions(self) -> None:
        """Nobody of an ended process is left: the system may give its id to another program, ours no more."""
        led = {process.popen.pid for process in self._running.values() if process.again_at is None}
        if self._sessions <= led:
            return
        inhabited = set()
        for pid in psutil.pids():
            with suppress(ProcessLookupError, PermissionError):
                inhabited.add(os.getsid(pid))
        self._sessions &= led | inhabited

    def _death(self, name: str, process: _Process) -> ServiceDied:
        return ServiceDied(name, process.popen.returncode, self._last_words(name), str(self.log(name)))

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
