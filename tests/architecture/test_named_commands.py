"""Every command that a sentence of the product or of its documentation tells people to type is there."""

import re
from collections.abc import Iterator

import typer

from services.cli.main import app
from services.settings import ROOT

NAMED = re.compile(r"(?:`|<code>|^)persona-loop ([a-z][a-z-]+)(?: ([^\s`<;]+))?", re.MULTILINE)
PLACES = ("services/**/*.py", "feedback_app/**/*", "dags/*.py", "docs/*.md", "README.md")
ALL_OF_A_GROUP = "…"


def named() -> Iterator[tuple[str, str, str]]:
    """Where it is told, the command's first word and the second, if there is one on its line."""
    for path in (path for pattern in PLACES for path in ROOT.glob(pattern)):
        if path.suffix in {".py", ".html", ".md"}:
            for told in NAMED.finditer(path.read_text(encoding="utf-8")):
                yield str(path.relative_to(ROOT)), told[1], told[2] or ALL_OF_A_GROUP


def test_every_command_that_is_told_is_there():
    there = getattr(typer.main.get_command(app), "commands", {})
    told = list(named())
    assert len(told) > 100
    wrong = [
        (place, first, second)
        for place, first, second in told
        if first not in there
        or (second != ALL_OF_A_GROUP and second not in getattr(there[first], "commands", {second: None}))
    ]
    assert wrong == []
