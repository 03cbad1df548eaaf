"""A base is known by what is held of it, not by its name."""

import pytest

from services.domain.training import ModelRecipe, Quantisation
from services.errors.artifacts import BaseModelMissing

pytestmark = pytest.mark.slow  # imports torch


def digest(folder, quantisation=Quantisation.NF4):
    from services.training.qlora import QloraTrainer  # noqa: PLC0415 - loads torch

    return QloraTrainer().base_digest(ModelRecipe(str(folder), "main", quantisation, "auto", ""))


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
