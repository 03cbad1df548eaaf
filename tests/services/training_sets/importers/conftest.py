"""Reading a small file in a named format, as importing does."""

from collections.abc import Callable
from pathlib import Path

import pytest

from services.training_sets.importers.formats import FormatName, read_file
from services.training_sets.importers.records import Read
from services.training_sets.importers.rows import Reading

ReadText = Callable[..., list[Read]]


@pytest.fixture
def read_text(tmp_path: Path) -> ReadText:
    """Writes text or bytes to a file and reads it; other arguments say how."""

    def read(text: str | bytes, name: str, **reading: object) -> list[Read]:
        file = tmp_path / "file"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return list(read_file(file, FormatName(name), Reading(**reading)))

    return read
