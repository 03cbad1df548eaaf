"""Adapter stores on a disk and on an object store in memory."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from services.adapters.file_store import FileAdapterStore


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
    made = FileAdapterStore(url)
    made.begin()
    return made
