"""The folder of a tiny base, for tests of rendering and generating."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def base_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.services.language_model.forcing import write_attentive_base  # noqa: PLC0415 - loads torch

    return write_attentive_base(tmp_path_factory.mktemp("base"))
