"""Trainings side by side: each on cores of its own, and one too many beside them all."""

import os
import subprocess
import sys
from contextlib import ExitStack

import pytest

from services.training.seats import Seats

CORES = os.sched_getaffinity(0)

HOLDS_A_SEAT = """
import os, sys
from pathlib import Path
from services.training.seats import Seats
with Seats(Path(sys.argv[1]), 2).one():
    print(sorted(os.sched_getaffinity(0)), flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def beside(tmp_path):
    """Starts another process with a seat; its cores are what it says."""
    with ExitStack() as stack:

        def start():
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", HOLDS_A_SEAT, str(tmp_path)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            stack.callback(process.kill)
            return process, set(map(int, process.stdout.readline().strip("[]\n").split(", ")))

        yield start


def test_one_training_alone_has_every_core(tmp_path):
    with Seats(tmp_path, 1).one():
        assert os.sched_getaffinity(0) == CORES
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(len(CORES) < 2, reason="one core cannot be shared out")
def test_two_trainings_share_no_core_and_give_back_what_they_had(tmp_path, beside):
    _, theirs = beside()
    with Seats(tmp_path, 2).one():
        ours = os.sched_getaffinity(0)
    assert ours
    assert not ours & theirs
    assert ours | theirs == CORES
    assert os.sched_getaffinity(0) == CORES


@pytest.mark.skipif(len(CORES) < 2, reason="one core cannot be shared out")
def test_one_too_many_runs_where_there_is_room(tmp_path, beside, caplog):
    beside()
    beside()
    with Seats(tmp_path, 2).one():
        assert os.sched_getaffinity(0) == CORES
    assert "all 2 seats are taken" in caplog.text


@pytest.mark.skipif(len(CORES) < 2, reason="one core cannot be shared out")
def test_a_killed_training_leaves_its_seat_to_the_next(tmp_path, beside):
    first, theirs = beside()
    first.kill()
    first.wait()
    with Seats(tmp_path, 2).one():
        assert os.sched_getaffinity(0) == theirs
