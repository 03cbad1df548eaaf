"""What the demo shows at the end of its night: every word of the gate, in a narrow terminal too."""

from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from services.demo.judgement import Figures, Judgement, Sample
from services.demo.showing import show_judgement

NOWHERE = Figures(style_hit=0.0, fact_hit=1.0)
REASON = "the lower bound of the difference, 0.512, is above the margin of 0.050"
WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"


def judged(checks: list[dict[str, Any]], *samples: Sample) -> Judgement:
    return Judgement(
        verdict="INSUFFICIENT",
        checks=checks,
        version=3,
        champion=0,
        base=NOWHERE,
        before=NOWHERE,
        after=NOWHERE,
        samples=samples,
        promotion_id=None,
    )


@pytest.mark.parametrize("width", [60, 80, 200])
def test_no_heading_and_no_word_is_cut(width: int):
    check = {
        "metric": "held_out_loss",
        "asked": "better",
        "measured": 0.5,
        "reference": 0.25,
        "items": 1234,
        "reason": REASON,
    }
    checks = [
        check | {"slice": "overall", "verdict": "INSUFFICIENT", "against": 0},
        check | {"slice": "source:bank", "verdict": "PASS", "against": 7},
    ]
    sample = Sample("Why?", "student", "physics", WORD, f"Arr, {WORD}", before_right=True, after_right=False)
    judgement = judged(checks, sample)
    paper = StringIO()
    show_judgement(Console(file=paper, width=width), judgement)
    printed = paper.getvalue()
    assert "…" not in printed
    assert all(len(line) <= width for line in printed.splitlines())
    for word in ("measured", "theirs", "against", "items", "held_out_loss", "INSUFFICIENT", "source:bank"):
        assert word in printed
    assert {"base", "v7", "0.500", "0.250", "1234"} <= set(printed.split())
    assert "The gate on version 3, against version 0: INSUFFICIENT" in " ".join(printed.split())


@pytest.mark.parametrize(
    ("verdict", "difference", "told"), [("PASS", -0.02, 1), ("PASS", 0.02, 0), ("FAIL", -0.2, 0)]
)
def test_what_became_worse_and_passes_is_explained(verdict: str, difference: float, told: int):
    check = {
        "metric": "fact_hit",
        "asked": "not worse",
        "slice": "overall",
        "verdict": verdict,
        "against": 0,
        "measured": 0.9,
        "reference": 0.92,
        "difference": difference,
        "required": -0.1,
        "items": 300,
        "reason": "so",
    }
    paper = StringIO()
    show_judgement(Console(file=paper, width=200), judged([check, check]))
    sentence = "Right facts: 0.020 worse is a pass, since the policy allows up to 0.100"
    assert paper.getvalue().count(sentence) == told
