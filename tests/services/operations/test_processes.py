"""Processes of a Procfile: their output is kept, the dead come back, nobody outlives a stop."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from services.errors.outages import ServiceDied
from services.operations.processes import Processes, end_leftover

Make = Callable[[str], Processes]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[Processes] = []

    def processes(procfile: str) -> Processes:
        path = tmp_path / "Procfile"
        path.write_text(procfile)
        one = Processes(path, env={**os.environ, "WORD": "hello"}, logs=tmp_path / "log")
        made.append(one)
        return one

    yield processes
    for one in made:
        one.stop()


def wait_for(log: Path, text: str) -> str:
    for _ in range(400):
        if log.exists() and text in log.read_text():
            return log.read_text()
        time.sleep(0.025)
    raise AssertionError(log.read_text() if log.exists() else f"no {log}")


def revive_until(processes: Processes, text: str, *, times: int, name: str = "worker") -> list[str]:
    """Keeps watch until the process has said `text` so often; returns what it said."""
    deadline = time.monotonic() + 20
    while processes.log(name).read_text().count(text) < times:
        assert time.monotonic() < deadline, processes.log(name).read_text()
        processes.revive()
        time.sleep(0.02)
    return processes.log(name).read_text().split()


def is_gone(pid: int) -> bool:
    """It may be a zombie where nobody adopts orphans."""
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_process_has_the_environment_and_a_file_for_its_output(make: Make):
    processes = make("greeter: sh -c 'echo $WORD; sleep 60'\n")
    processes.start("greeter")
    assert "hello" in wait_for(processes.log("greeter"), "hello")


def test_one_that_is_added_runs_anothers_command_with_variables_of_its_own(make: Make):
    processes = make("greeter: sh -c 'echo $WORD $NAME; sleep 60'\n")
    processes.add("another", like="greeter", env={"NAME": "O'Hara of $WORD"})
    processes.start("another")
    assert wait_for(processes.log("another"), "hello").strip() == "hello O'Hara of $WORD"


def test_one_that_ends_is_named_with_its_last_words(make: Make):
    processes = make("broken: sh -c 'echo the model is missing; exit 3'\n")
    processes.start("broken")
    wait_for(processes.log("broken"), "missing")
    time.sleep(0.2)
    with pytest.raises(ServiceDied, match=r"broken ended with code 3 \(the model is missing\)"):
        processes.raise_if_ended()


def test_one_that_ends_is_started_again(make: Make):
    processes = make("worker: sh -c 'echo born $$; sleep 60'\n")
    processes.start("worker")
    first = wait_for(processes.log("worker"), "born").split()[1]
    psutil.Process(int(first)).kill()
    assert revive_until(processes, "born", times=2)[3] != first


def test_a_session_that_is_empty_is_no_longer_ours(make: Make):
    """Its id may be another program's by the time everything is stopped."""
    processes = make("worker: sh -c 'echo born $$; exec sleep 60'\n")
    processes.start("worker")
    first = int(wait_for(processes.log("worker"), "born").split()[1])
    os.killpg(first, signal.SIGKILL)
    revive_until(processes, "born", times=2)
    assert first not in processes._sessions


_ORPHAN = "trap '' TERM; sleep 61 & echo born $$ $!; wait"  # one that does not end when it is asked to


def test_what_is_left_of_one_that_died_is_ended_before_its_next_start(make: Make, tmp_path: Path):
    """gunicorn's worker keeps the port when its master is killed, and the next master cannot have it."""
    program = tmp_path / "server.py"
    program.write_text(
        "import os, signal, socket, sys, time\n"
        "listener = socket.create_server(('127.0.0.1', int(sys.argv[1])))\n"
        "worker = os.fork()\n"
        "if worker: print('listens', os.getpid(), worker, flush=True)\n"
        "else: signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "time.sleep(60)\n"
    )
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    processes = make(f"worker: {sys.executable} {program} {port}\n")
    processes.start("worker")
    for times in (1, 2, 3):
        said = revive_until(processes, "listens", times=times)
        master, worker = int(said[-2]), int(said[-1])
        if times < 3:
            os.kill(master, signal.SIGKILL)
            revive_until(processes, "listens", times=times + 1)
            assert is_gone(worker)
    assert "in use" not in processes.log("worker").read_text()


def test_an_orphan_is_ended_by_a_stop_while_its_process_waits_for_the_next_start(make: Make):
    processes = make(f'worker: sh -c "{_ORPHAN.replace("$", chr(92) + "$")}"\n')
    processes.start("worker")
    first, orphan = map(int, wait_for(processes.log("worker"), "born").split()[1:3])
    os.kill(first, signal.SIGKILL)
    time.sleep(0.2)
    processes.revive()
    processes.stop()
    assert is_gone(orphan)


def test_starts_that_fail_wait_longer_each_time_and_then_end_the_service(
    make: Make, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("services.operations.processes._GIVES_UP_AFTER", 2.5)
    processes = make("worker: sh -c 'echo in vain; exit 3'\n")
    began = time.monotonic()
    processes.start("worker")
    with pytest.raises(ServiceDied, match="in vain"):
        revive_until(processes, "in vain", times=9)
    assert processes.log("worker").read_text().count("in vain") == 3
    assert time.monotonic() - began > 3  # 1 s, then 2 s


def test_one_that_lasted_has_not_failed_however_often_it_is_killed(
    make: Make, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("services.operations.processes._GIVES_UP_AFTER", 0.5)
    monkeypatch.setattr("services.operations.processes._LASTING", 0.0)
    processes = make("worker: sh -c 'echo born $$; exec sleep 60'\n")
    processes.start("worker")
    wait_for(processes.log("worker"), "born")
    for times in (2, 3, 4):
        os.kill(int(processes.log("worker").read_text().split()[-1]), signal.SIGKILL)
        revive_until(processes, "born", times=times)


def test_the_service_may_outlive_one_that_fails_for_ever(make: Make, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("services.operations.processes._GIVES_UP_AFTER", 0.0)
    processes = make("worker: sh -c 'echo in vain; exit 3'\nmeek: sleep 60\n")
    processes.start("worker")
    processes.start("meek")
    deadline = time.monotonic() + 4
    while time.monotonic() < deadline:
        processes.revive(never_give_up=("worker",))
        time.sleep(0.02)
    assert processes.log("worker").read_text().count("in vain") == 3
    processes.raise_if_ended(except_for=("worker",))


def test_nobody_is_left_after_a_stop_not_even_who_ignores_it(make: Make, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("services.operations.processes._GRACE", 1.0)
    stubborn = (
        "import signal, subprocess, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "child = subprocess.Popen(['sleep', '60'], process_group=0); print('child', child.pid, flush=True);"
        "time.sleep(60)"
    )
    processes = make(f'stubborn: {sys.executable} -c "{stubborn}"\nmeek: sleep 60\n')
    before = psutil.Process().children()
    processes.start("stubborn")
    processes.start("meek")
    child = int(wait_for(processes.log("stubborn"), "child").split()[1])
    processes.stop(last=("stubborn",))
    assert is_gone(child)
    assert psutil.Process().children() == before


def test_what_a_killed_start_left_behind_is_ended_with_its_children(tmp_path: Path):
    pid_file = tmp_path / "worker.pid"
    program = "sleep 62 & echo $!; wait"
    with subprocess.Popen(["sh", "-c", program], stdout=subprocess.PIPE, text=True) as left:
        assert left.stdout is not None
        child = int(left.stdout.readline())
        pid_file.write_text(f"{left.pid}\n")
        end_leftover(pid_file)
        assert left.wait(10) == -signal.SIGKILL
    deadline = time.monotonic() + 10
    while not is_gone(child) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert is_gone(child)
    assert not pid_file.exists()


@pytest.mark.parametrize("left", ["0", "a word", "999999999", ""])
def test_a_pid_file_of_nobody_is_dropped(tmp_path: Path, left: str):
    pid_file = tmp_path / "worker.pid"
    pid_file.write_text(left)
    end_leftover(pid_file)
    end_leftover(pid_file)
    assert not pid_file.exists()


def test_a_program_that_has_got_the_pid_since_is_left_alone(tmp_path: Path):
    pid_file = tmp_path / "worker.pid"
    with subprocess.Popen(["sleep", "63"]) as other:
        pid_file.write_text(f"{other.pid}\n")
        an_hour_ago = time.time() - 3600
        os.utime(pid_file, (an_hour_ago, an_hour_ago))
        end_leftover(pid_file)
        assert other.poll() is None
        assert not pid_file.exists()
        other.kill()
