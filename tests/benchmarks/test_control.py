"""The control night's figures beside those of the real one: each check beside its own."""

from typing import Any

from benchmarks.control import _decision_rows
from services.db.lineage_tables import GateDecisionRow


def decided(verdict: str, *measured: float) -> GateDecisionRow:
    """A decision whose checks are all of one metric."""
    asked: list[dict[str, Any]] = [
        {"asked": "better", "slice": "overall", "against": 0},
        {"asked": "not worse", "slice": "student", "against": 0},
        {"asked": "not worse", "slice": "student", "against": 1},
        {"asked": "limit", "slice": "overall", "against": None},
    ]
    checks = [
        one | {"metric": "fact_hit", "verdict": verdict, "reason": "so", "measured": value}
        for one, value in zip(asked, measured, strict=False)
    ]
    return GateDecisionRow(verdict=verdict, checks=checks)


def test_each_check_stands_beside_the_same_question_of_the_real_night():
    *rows, verdict = _decision_rows(decided("FAIL", 0.1, 0.2, 0.3), decided("PASS", 0.6, 0.7, 0.8, 0.9))
    assert [(row.ours, row.theirs) for row in rows] == [(0.1, 0.6), (0.2, 0.7), (0.3, 0.8)]
    assert rows[1].what == "fact_hit (student): FAIL, so"
    assert verdict.ours == "FAIL"
