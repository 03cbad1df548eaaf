"""What makes two adapter configurations the same: canonical form."""

import json
import os
import subprocess
import sys

import pytest

from services.adapters.digests import canonical_config

DUMP_A_SET = (
    "import json; modules = {'qkv_proj', 'o_proj', 'gate_up_proj', 'down_proj', 'x', 'y'};"
    "print(json.dumps({'target_modules': list(modules), 'r': 2}))"
)


def test_order_of_keys_and_of_sets_does_not_matter():
    spellings = {
        subprocess.run(
            [sys.executable, "-c", DUMP_A_SET],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in range(4)
    }
    assert len(spellings) > 1, "the set came out in one order each time: this test shows nothing"

    assert len({canonical_config(raw) for raw in spellings}) == 1


@pytest.mark.parametrize(
    ("base", "kept"),
    [
        ("microsoft/Phi-3-mini-4k-instruct", "microsoft/Phi-3-mini-4k-instruct"),
        ("/home/someone/persona-loop/base_model", "base_model"),
        ("../models/tiny", "tiny"),
        (None, None),
    ],
)
def test_no_folder_of_this_machine_stays_in_the_configuration(base, kept):
    raw = json.dumps({"base_model_name_or_path": base}).encode()

    assert json.loads(canonical_config(raw))["base_model_name_or_path"] == kept


def test_lists_of_numbers_keep_their_order():
    raw = json.dumps({"layers_to_transform": [2, 0, 1]}).encode()

    assert json.loads(canonical_config(raw))["layers_to_transform"] == [2, 0, 1]
