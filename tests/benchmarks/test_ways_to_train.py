"""The ways to train that the benchmarks compare: the bare loop learns what ours does, the script runs."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.services.training.conftest import RECIPE, ROWS, make_pair, make_row, write_rows

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a trainee is told: a tiny base of random weights, and rows."""
    from tests.services.training.tiny_base import write_base  # noqa: PLC0415 - torch

    folder = tmp_path_factory.mktemp("ways")
    write_base(folder / "base", [json.dumps(make_pair(index)) for index in range(ROWS)])
    # One row more than fills the batches.
    rows = write_rows(folder / "rows.jsonl", [make_row(index) for index in range(ROWS + 1)])
    return {"base": str(folder / "base"), "rows": str(rows)}


def learnt(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file  # noqa: PLC0415 - torch

    return load_file(folder / "adapter_model.safetensors")


def test_the_bare_loop_learns_what_ours_does(asked, tmp_path):
    from benchmarks._trainee import _run  # noqa: PLC0415 - torch

    for way in ("ours", "loop"):
        assert _run({**asked, "way": way, "overrides": RECIPE, "out": tmp_path / way}) > 0
    ours, bare = learnt(tmp_path / "ours"), learnt(tmp_path / "loop")

    assert ours.keys() == bare.keys()
    # lora_B begins as noughts, so its size is what was learnt.
    learned = {name: weight for name, weight in ours.items() if "lora_B" in name}
    size = sum(float(weight.square().sum()) for weight in learned.values())
    apart = sum(float((bare[name] - weight).square().sum()) for name, weight in learned.items())
    assert 0 <= apart < 1e-3 * size


def test_the_script_leaves_an_adapter(asked, tmp_path):
    from benchmarks._trainee import _run  # noqa: PLC0415 - torch

    assert _run({**asked, "way": "script", "out": tmp_path}) > 0
    assert any("lora_B" in name and weight.any() for name, weight in learnt(tmp_path).items())
