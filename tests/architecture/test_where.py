"""docs/where.md is true: every module of the product is in it, and nothing that is not there.

README shows its folders.
"""

import re
from collections.abc import Iterator

from services.settings import ROOT

FOLDERS = ("dags", "services", "feedback_app", "migrations", "benchmarks")


def named_files() -> set[str]:
    """Paths of the tree, folders joined by their indentation (two spaces a level)."""
    return {path for path in _paths(_tree("docs/where.md", "# Where things are")) if path.endswith(".py")}


def _tree(guide: str, heading: str) -> str:
    return (ROOT / guide).read_text(encoding="utf-8").split(heading)[1].split("```")[1]


def _paths(tree: str) -> Iterator[str]:
    path: list[str] = []
    for line in tree.splitlines():
        found = re.match(r"( *)(\S+)", line)
        if found:
            path = [*path[: len(found[1]) // 2], found[2].rstrip("/")]
            yield "/".join(path)


def test_every_module_has_its_line():
    there = {
        str(path.relative_to(ROOT))
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*.py")
        if path.name != "__init__.py" or path.parent == ROOT / "feedback_app"
    }
    assert named_files() == there


def test_the_readme_names_the_folders_and_leads_to_their_files():
    shown = set(_paths(_tree("README.md", "## Where things are")))
    inside = {f"services/{path.parent.name}" for path in (ROOT / "services").glob("*/__init__.py")}
    assert {*FOLDERS, *inside} <= shown
    assert all((ROOT / path).is_dir() for path in shown)
    assert "(docs/where.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
