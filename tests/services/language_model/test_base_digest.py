"""A base is known by what is held of it, not by its name."""

import os
import subprocess
import sys

import pytest

from services.domain.training import ModelRecipe, Quantisation
from services.errors.artifacts import BaseModelMissing

pytestmark = pytest.mark.slow  # imports torch


def digest(folder, quantisation=Quantisation.NF4):
    from services.training.qlora import QloraTrainer  # noqa: PLC0415 - loads torch

    return QloraTrainer().base_digest(ModelRecipe(str(folder), "main", quantisation, "auto", "", ()))


def test_other_weights_under_the_same_name_are_another_base(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "phi3"}')
    (tmp_path / "model.safetensors").write_bytes(b"first")
    first = digest(tmp_path)
    assert digest(tmp_path) == first
    assert digest(tmp_path, Quantisation.NONE) != first

    (tmp_path / "model.safetensors").write_bytes(b"another")
    assert digest(tmp_path) != first
    (tmp_path / "model.safetensors").write_bytes(b"first")
    assert digest(tmp_path) == first


def test_a_folder_without_a_configuration_is_no_base(tmp_path):
    with pytest.raises(BaseModelMissing):
        digest(tmp_path / "nowhere")


ASK = """
from services.domain.training import Quantisation
from services.language_model.base_digest import base_digest
print(base_digest("maker/model", revision="main", quantisation=Quantisation.NF4))
"""


def test_a_hubs_model_is_known_by_the_commit_its_revision_stands_for(tmp_path):
    model = tmp_path / "models--maker--model"
    (model / "refs").mkdir(parents=True)
    environment = os.environ | {"HF_HUB_CACHE": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    found = []
    for commit in ("a" * 40, "b" * 40):
        (model / "snapshots" / commit).mkdir(parents=True)
        (model / "snapshots" / commit / "config.json").write_text('{"model_type": "phi3"}')
        (model / "refs" / "main").write_text(commit)
        asked = subprocess.run(
            [sys.executable, "-c", ASK], check=True, env=environment, capture_output=True, text=True
        )
        found.append(asked.stdout.strip())
    assert [len(digest) for digest in found] == [64, 64]
    assert found[0] != found[1]
