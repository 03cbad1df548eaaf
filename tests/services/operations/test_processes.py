"""Processes of a Procfile: their output is kept, the dead come back, nobody outlives a stop."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
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


def is_gone(pid: int) -> bool:
    """It may be a zombie where nobody adopts orphans."""
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_process_has_the_environment_and_a_file_for_its_output(make: Make):
    processes = make("greeter: sh -c 'echo $WORD; sleep 60'\n")
    processes.start("greeter")
    assert "hello" in wait_for(processes.log("greeter"), "hello")


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
    time.sleep(0.2)
    processes.revive()
    for _ in range(100):
        if processes.log("worker").read_text().count("born") == 2:
            break
        time.sleep(0.05)
    assert processes.log("worker").read_text().count("born") == 2


def test_a_session_that_is_empty_is_no_longer_ours(make: Make):
    """Its id may be another program's by the time everything is stopped."""
    processes = make("worker: sh -c 'echo born $$; exec sleep 60'\n")
    processes.start("worker")
    first = int(wait_for(processes.log("worker"), "born").split()[1])
    os.killpg(first, signal.SIGKILL)
    time.sleep(0.2)
    processes.revive()
    assert first not in processes._sessions


def test_a_session_is_ours_while_an_orphan_lives_in_it(make: Make):
    processes = make("worker: sh -c 'sleep 61 & echo born $$ $!; wait'\n")
    processes.start("worker")
    first, orphan = map(int, wait_for(processes.log("worker"), "born").split()[1:3])
    os.kill(first, signal.SIGKILL)
    time.sleep(0.2)
    processes.revive()
    processes.stop()
    assert is_gone(orphan)


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
