"""An installation of one test's own: a real database, a store in a temporary folder, a fake generator."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from services.adapters.file_store import FileAdapterStore
from services.jobs.installation import Installation
from services.settings import Settings
from tests.fakes import FakeGenerator


def of_its_own(settings: Settings, engine: Engine, folder: Path) -> Installation:
    own = settings.model_copy(update={"var_dir": folder, "adapter_store": f"file://{folder / 'store'}"})
    store = FileAdapterStore(own.store_url)
    store.begin()
    return Installation(own, engine, store, FakeGenerator())


@pytest.fixture
def installation(settings: Settings, clean: Engine, tmp_path: Path) -> Installation:
    return of_its_own(settings, clean, tmp_path)
