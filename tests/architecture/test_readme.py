"""The README's file tree is true: every module of the product is in it, and nothing that is not there."""

import re

from services.settings import ROOT

FOLDERS = ("dags", "services", "feedback_app", "migrations", "benchmarks")


def named_files() -> set[str]:
    """Paths of the tree, folders joined by their indentation (two spaces a level)."""
    block = (ROOT / "README.md").read_text().split("## Where things are")[1].split("```")[1]
    path: list[str] = []
    files = set()
    for line in block.splitlines():
        found = re.match(r"( *)(\S+)", line)
        if found:
            depth, name = len(found[1]) // 2, found[2]
            path = [*path[:depth], name.rstrip("/")]
            if name.endswith(".py"):
                files.add("/".join(path))
    return files


def test_every_module_stands_in_the_readme():
    there = {
        str(path.relative_to(ROOT))
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*.py")
        if path.name != "__init__.py" or path.parent == ROOT / "feedback_app"
    }
    assert named_files() == there
