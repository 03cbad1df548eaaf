"""The figures of memory in the guide are those that the benchmark prints."""

import json
from pathlib import Path

import pytest

from services.settings import ROOT

pytestmark = pytest.mark.slow  # imports torch


def test_the_guide_has_the_figures_that_are_counted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    from benchmarks import _table, memory  # noqa: PLC0415 - torch

    written: list[Path] = []
    monkeypatch.setattr(
        memory, "report", lambda name, rows: written.append(_table.report(name, rows, folder=tmp_path))
    )
    memory.main()
    rows = {row["what"]: row for row in json.loads(written[0].read_text())["rows"]}
    guide = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
    for part, said in (("base", "base in 4 bits"), ("batch", "batch"), ("together", "together")):
        row = rows[f"{part}, GB"]
        assert f"| {said} | {row['theirs']:.1f} GB | {row['ours']:.2f} GB" in guide
