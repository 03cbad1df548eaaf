"""What people are told in 80 columns: a decision by its first screen, names of runs in one piece."""

import pytest

from services.cli.lines import WIDTH, fields
from services.cli.telling import tell_decision, tell_sets

SCREEN = 24  # lines
RUN = "nightly_retrain manual__2026-11-21T17:38:54.902497+00:00"


def check(number: int, verdict: str) -> dict[str, object]:
    reason = (
        f"0.0{number} worse than version 1, at most 0.047 worse (5.0% risk); up to 0.100 worse is allowed"
    )
    figures = {"measured": 0.963, "reference": 0.981, "items": 320}
    return {"verdict": verdict, "metric": f"metric_{number}", "slice": "overall", "reason": reason, **figures}


@pytest.mark.parametrize("waits", [True, False])
def test_the_first_screen_has_the_verdict_why_and_what_can_be_done(*, waits: bool):
    checks = [check(number, "PASS") for number in range(20)] + [check(99, "INSUFFICIENT")]
    lines = list(
        tell_decision(
            {
                "verdict": "INSUFFICIENT",
                "decision_id": 7,
                "version": 2,
                "champion": 1,
                "anchor": 1,
                "items": 40,
                "opened": False,
                "gate_version": 3,
                "redacted_at": None,
                "meaning": "Too little is known for v2 to take the place of v1. " * 4,
                "waits_for_approval": waits,
                "next_step": '`persona-loop canary start 7 --reason "…"` tries it on some conversations.',
                "checks": checks,
                "notes": ["The plain base, shown three examples in the prompt, does as well."],
            }
        )
    )
    assert all(len(line) <= WIDTH for line in lines)
    first = " ".join(" ".join(lines[:SCREEN]).split())
    for told in ("INSUFFICIENT: version 2 against version 1", "Too little is known", "canary start 7"):
        assert told in first
    assert ("approve 7" in first) is waits
    assert first.index("INSUFFICIENT metric_99: ") < first.index("PASS metric_0: ")
    assert "0.963 and 0.981 on 320 items" in first


def test_the_name_of_a_run_stays_in_one_piece():
    assert any(
        RUN.split()[1] in line for line in fields({"how": f"full, for the reason of all, by {RUN}: so"})
    )


def test_who_has_no_set_is_told_how_to_make_one_of_that_persona():
    assert "`persona-loop assemble pirate`" in next(iter(tell_sets([], of="pirate")))
