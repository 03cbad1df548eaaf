"""A tiny random base of Phi-3 architecture, rows to learn, and training runs on them; seconds on one core."""

import json
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from services.domain.training import Recipe
from services.training.recipe import compose_recipe
from services.training.trainer import TrainingJob

ROWS = 24
KILLED_WITHIN_S = 300
WORDS = ("light", "bends", "in", "water", "and", "sails", "turn", "with", "the", "wind", "at", "sea")
RECIPE = (
    "lora.r=8",
    "training.epochs=2",
    "training.batch_size=4",
    "training.learning_rate=5e-3",
    "training.checkpoint_steps=4",
    "preference.epochs=2",
    "preference.learning_rate=2e-3",
)


def make_row(index: int) -> dict[str, Any]:
    asked = " ".join(WORDS[(index * 3 + offset) % len(WORDS)] for offset in range(4 + index % 5))
    answer = " ".join(WORDS[(index * 5 + offset) % len(WORDS)] for offset in range(6))
    return {
        "messages": [
            {"role": "system", "content": "You are an expert in optics."},
            {"role": "user", "content": f"Question:\n{asked}"},
        ],
        "completion": f"Arr, {answer}!",
    }


def make_pair(index: int) -> dict[str, Any]:
    """The pirate's answer over the plain one."""
    row = make_row(index)
    chosen = row.pop("completion")
    return {**row, "kind": "pair", "chosen": chosen, "rejected": chosen.removeprefix("Arr, ").upper()}


def make_judgement(index: int) -> dict[str, Any]:
    """Every third answer is a pirate's, and desirable."""
    pair = make_pair(index)
    desirable = index % 3 == 0
    return {
        "kind": "unpaired",
        "messages": pair["messages"],
        "completion": pair["chosen" if desirable else "rejected"],
        "label": desirable,
    }


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a base with random weights that can write the rows."""
    from tests.services.training.tiny_base import write_base  # noqa: PLC0415 - recipes need no torch

    folder = tmp_path_factory.mktemp("base")
    write_base(folder, [json.dumps(make_pair(index)) for index in range(ROWS)])
    return folder


@pytest.fixture(scope="session")
def recipe(base: Path) -> Callable[..., Recipe]:
    def compose(*overrides: str) -> Recipe:
        return compose_recipe("embedded", [*RECIPE, *overrides], base_model=str(base), base_revision="main")

    return compose


@pytest.fixture(scope="session")
def rows_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rows(
        tmp_path_factory.mktemp("rows") / "rows.jsonl",
        [make(index) for make in (make_row, make_pair, make_judgement) for index in range(ROWS)],
    )


@pytest.fixture(scope="session")
def job(rows_file: Path, recipe: Callable[..., Recipe], tmp_path_factory: pytest.TempPathFactory):
    def make(
        *overrides: str, rows: Path = rows_file, workdir: Path | None = None, **given: Any
    ) -> TrainingJob:
        return TrainingJob(rows, recipe(*overrides), workdir or tmp_path_factory.mktemp("job"), **given)

    return make


@pytest.fixture(scope="session")
def killed(base: Path, rows_file: Path) -> Iterator[Callable[..., int]]:
    """Trains in a process of its own, which kills itself on its way: its exit code. See `killed_training`."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.services.training.killed_training"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        asked, told = process.stdin, process.stdout

        def train(workdir: Path, step: int, *others: str) -> int:
            asked.write(json.dumps([str(rows_file), str(workdir), str(base), step, *others]) + "\n")
            asked.flush()
            assert select.select([told], [], [], KILLED_WITHIN_S)[0]
            return int(told.readline())

        yield train
        asked.close()
