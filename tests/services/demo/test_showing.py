"""What the demo shows at the end of its night: every word of the gate, in a narrow terminal too."""

import re
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import typer
from rich.console import Console
from werkzeug.datastructures import MultiDict

from feedback_app.forms import AskForm
from services.cli.main import app
from services.demo.judgement import Figures, Judgement, Sample
from services.demo.showing import show_addresses, show_judgement
from services.operations.secrets import ensure_secrets
from services.settings import Settings

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


def addresses(judgement: Judgement | None, var_dir: Path) -> str:
    paper = StringIO()
    settings = Settings(_env_file=ensure_secrets(var_dir), var_dir=var_dir)
    show_addresses(Console(file=paper, width=80), settings, "tutor", judgement)
    return paper.getvalue()


def test_the_demo_leads_to_its_question_with_field_and_reader(tmp_path: Path):
    wrong = Sample("Why?", "student", "physics", "so", "so", before_right=True, after_right=False)
    right = Sample(
        "What is 5 & 6?", "educator", "pure mathematics", "", "11", before_right=False, after_right=True
    )
    shown = addresses(judged([], wrong, right), tmp_path)
    link = urlsplit(next(word for word in shown.split() if "?question=" in word))
    form = AskForm.read(MultiDict(parse_qsl(link.query)))
    assert link.path == "/p/tutor"
    assert (form.question, form.domain, form.audience) == ("What is 5 & 6?", "pure mathematics", "educator")
    assert "?question=" not in addresses(judged([], wrong), tmp_path)
    assert "?question=" not in addresses(None, tmp_path)


def test_the_commands_named_at_the_end_are_there(tmp_path: Path):
    told = re.search(r"persona-loop (.+)", addresses(None, tmp_path))
    assert told is not None
    for command in told[1].split(" | "):
        typer.main.get_command(app).main([*command.split(), "--help"], standalone_mode=False)
