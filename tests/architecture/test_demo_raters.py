"""The simulated raters judge by their own lights: no word list and no code in common with the metrics."""

import ast
import re
import subprocess
import sys
from pathlib import Path

from services.demo.corrections import manners
from services.domain.evaluation import METRICS
from services.evaluation.metrics.style import MARKER_GROUPS
from services.settings import ROOT

DEMO = ROOT / "services" / "demo"
RATERS = [
    DEMO / f"{name}.py"
    for name in ("chance", "opinions", "corrections", "raters", "visitor", "question_bank")
]
EVALUATION = sorted((ROOT / "services" / "evaluation").glob("*.py"))
MARKERS = sorted({marker for group in MARKER_GROUPS.values() for marker in group})


def code_strings(module: Path) -> list[str]:
    """Every string of a module that is not a docstring."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    docstrings = {
        node.body[0].value
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docstrings
    ]


def loaded_by(module: str) -> set[str]:
    """Our modules that a fresh interpreter holds after importing one."""
    program = (
        f"import sys, {module}; print(*sorted(name for name in sys.modules if name.startswith('services')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=ROOT
    )
    return set(done.stdout.split())


def test_raters_load_nothing_of_the_evaluation():
    loaded = loaded_by("services.demo.raters")
    assert "services.demo.opinions" in loaded
    assert not {name for name in loaded if name.startswith("services.evaluation")}
    assert "services.domain.evaluation" not in loaded


def test_the_metrics_load_nothing_of_the_demo():
    loaded = loaded_by("services.evaluation.scoring")
    assert not {name for name in loaded if name.startswith("services.demo")}
    for module in EVALUATION:
        assert "services.demo" not in module.read_text(encoding="utf-8"), module


def test_no_rule_of_a_rater_holds_a_marker_of_the_metrics():
    for module in RATERS:
        for text in code_strings(module):
            for marker in MARKERS:
                assert not re.search(rf"\b{marker}\b", text.casefold()), (module.name, text, marker)


def test_raters_and_metrics_have_no_collection_of_words_in_common():
    of_raters = {text for module in RATERS for text in code_strings(module) if text.isalpha()}
    of_metrics = {
        text
        for text in code_strings(ROOT / "services" / "evaluation" / "scoring.py")
        if text.isalpha() and text not in METRICS
    }
    audiences = {
        "student",
        "educator",
        "scientist",
        "professional",
    }  # whom answers are for: words of the product
    assert of_raters & of_metrics <= audiences


def test_what_raters_write_are_sentences_and_no_list_of_markers():
    templates = [template for manner in manners().values() for template in (*manner.grounds, *manner.shown)]
    assert all(len(re.sub(r"{\w+}", "", template).split()) <= 20 for template in templates)
    assert all("{" in template and template.endswith(".") for template in templates)
    assert not {template.casefold().strip(".") for template in templates} & set(MARKERS)
    unmarked = [
        template
        for template in templates
        if not any(re.search(rf"\b{marker}\b", template.casefold()) for marker in MARKERS)
    ]
    assert unmarked, "people write as they like, not to please a metric"
