"""What the demo's terminal says while a night is long: a line now and then for whoever is evaluated."""

import io
import time

from rich.console import Console

from services.demo.night import evaluating_told, note_evaluating


def test_an_evaluation_under_way_is_told_of_with_its_seconds_until_it_ends():
    said = io.StringIO()
    evaluating: dict[str, float] = {}
    with evaluating_told(evaluating, Console(file=said, width=80), every=0.01):
        time.sleep(0.05)
        assert said.getvalue() == ""
        note_evaluating(evaluating, "tutor", "running", at=time.monotonic() - 60)
        deadline = time.monotonic() + 10
        while "tutor" not in said.getvalue() and time.monotonic() < deadline:
            time.sleep(0.01)
        note_evaluating(evaluating, "tutor", "success", at=time.monotonic())
    assert "    tutor is being evaluated, 60 s so far" in said.getvalue()
    assert evaluating == {}


def test_what_waits_for_its_turn_or_never_ran_is_not_told_of():
    evaluating: dict[str, float] = {}
    for state in ("scheduled", "queued", "running", "queued", "skipped"):
        note_evaluating(evaluating, "tutor", state, at=1.0)
        assert evaluating == ({"tutor": 1.0} if state == "running" else {})
