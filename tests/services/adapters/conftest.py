"""A finished adapter folder of random weights, and stores on a disk and on an object store in memory."""

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import fsspec
import numpy as np
import pytest
from safetensors.numpy import save_file

from services.adapters.file_store import FileAdapterStore

MakeFolder = Callable[..., Path]


@pytest.fixture
def make_folder(tmp_path: Path) -> MakeFolder:
    """Writes a PEFT folder; equal `weight` gives equal weights, other entries go into the configuration."""

    def make(weight: float = 1.0, **config: object) -> Path:
        folder = tmp_path / "trained" / uuid.uuid4().hex
        folder.mkdir(parents=True)
        save_file({"lora_A": np.full((2, 3), weight, np.float32)}, folder / "adapter_model.safetensors")
        (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 2, **config}))
        return folder

    return make


@pytest.fixture(params=["file", "memory"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "file":
        yield f"file://{tmp_path / 'store'}"
        return
    root = f"/{uuid.uuid4().hex}"
    yield f"memory:/{root}"
    memory = fsspec.filesystem("memory")
    if memory.exists(root):
        memory.rm(root, recursive=True)


@pytest.fixture
def store(url: str) -> FileAdapterStore:
    return FileAdapterStore(url)
