"""The queue on its own: no model, only functions that note what they were given."""

import threading
from concurrent.futures import Future

import pytest

from services.errors.artifacts import AdapterMissing
from services.errors.outages import InferenceBusy, InferenceUnavailable
from services.serving.batching import Batcher


class Recorder:
    """Runs batches by echoing them; holds the first one until `release` is set."""

    def __init__(self) -> None:
        self.batches: list[tuple[str, list[int]]] = []
        self.started, self.release = threading.Event(), threading.Event()

    def __call__(self, group, items):
        self.batches.append((group, list(items)))
        self.started.set()
        assert self.release.wait(10)
        if group == "broken":
            raise AdapterMissing(group)
        return [f"{group} {item}" for item in items]


@pytest.fixture
def recorder():
    return Recorder()


@pytest.fixture
def batcher(recorder):
    batcher = Batcher(recorder, batch_size=3, queue_limit=8)
    yield batcher
    recorder.release.set()
    batcher.stop()


def hold_first(batcher, recorder) -> Future[object]:
    """Put one batch to work, so that everything submitted after it waits."""
    future = batcher.submit("first", 0)
    assert recorder.started.wait(10)
    return future


def test_requests_of_one_group_share_a_batch_and_groups_never_do(batcher, recorder):
    hold_first(batcher, recorder)
    futures = [batcher.submit(group, item) for item in range(2) for group in ("pirate", "base")]
    recorder.release.set()
    assert [future.result(10) for future in futures] == ["pirate 0", "base 0", "pirate 1", "base 1"]
    assert recorder.batches[1:] == [("pirate", [0, 1]), ("base", [0, 1])]


def test_a_group_with_much_to_do_lets_the_others_have_their_turn(batcher, recorder):
    hold_first(batcher, recorder)
    futures = [batcher.submit("candidate", item) for item in range(6)]
    futures.append(batcher.submit("champion", 0))
    recorder.release.set()
    for future in futures:
        future.result(10)
    assert recorder.batches[1:] == [
        ("candidate", [0, 1, 2]),
        ("champion", [0]),
        ("candidate", [3, 4, 5]),
    ]


def test_a_full_queue_refuses_and_takes_requests_again_later(batcher, recorder):
    hold_first(batcher, recorder)
    waiting = [batcher.submit("pirate", item) for item in range(8)]
    with pytest.raises(InferenceBusy):
        batcher.submit("base", 0)
    recorder.release.set()
    for future in waiting:
        future.result(10)
    assert batcher.submit("base", 1).result(10) == "base 1"


def test_an_error_reaches_its_own_batch_and_nobody_else(batcher, recorder):
    hold_first(batcher, recorder)
    broken, sound = batcher.submit("broken", 0), batcher.submit("pirate", 0)
    recorder.release.set()
    with pytest.raises(AdapterMissing):
        broken.result(10)
    assert sound.result(10) == "pirate 0"


def test_a_cancelled_request_is_left_out(batcher, recorder):
    hold_first(batcher, recorder)
    cancelled, kept = batcher.submit("pirate", 0), batcher.submit("pirate", 1)
    assert cancelled.cancel()
    recorder.release.set()
    assert kept.result(10) == "pirate 1"
    assert recorder.batches[1] == ("pirate", [1])


def test_stopping_ends_the_batch_in_work_and_tells_those_that_wait(recorder):
    batcher = Batcher(recorder, batch_size=3, queue_limit=8)
    working = hold_first(batcher, recorder)
    waiting = batcher.submit("pirate", 0)
    stopping = threading.Thread(target=batcher.stop)
    stopping.start()
    with pytest.raises(InferenceUnavailable):
        waiting.result(10)
    recorder.release.set()
    stopping.join(10)
    assert working.result(0) == "first 0"
    with pytest.raises(InferenceUnavailable):
        batcher.submit("pirate", 1)


def test_a_batch_that_takes_too_long_is_a_problem_until_it_ends(batcher, recorder):
    assert batcher.problem(patience=0.0) == ""
    held = hold_first(batcher, recorder)
    assert "one batch" in batcher.problem(patience=0.0)
    assert batcher.problem(patience=60.0) == ""
    recorder.release.set()
    held.result(10)
    batcher.submit("next", 0).result(10)  # the first batch is wholly over once the next one is taken up
    assert batcher.problem(patience=60.0) == ""


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_has_ended_is_a_problem_and_takes_no_more_work():
    def end(_group, _items):
        raise SystemExit

    batcher = Batcher(end, batch_size=3, queue_limit=8)
    batcher.submit("first", 0)
    batcher._thread.join(10)
    assert "has ended" in batcher.problem(patience=60.0)
    with pytest.raises(InferenceUnavailable):
        batcher.submit("second", 0)
