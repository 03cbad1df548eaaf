"""An installation of one test's own: a real database, a store in a temporary folder, a fake generator."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from services.adapters.file_store import FileAdapterStore
from services.adapters.freezing import freeze
from services.db.lineage_tables import TrainingSetRow
from services.db.session import session_scope
from services.jobs.installation import Installation
from services.settings import Settings
from tests.builders import AT, add_persona
from tests.fakes import FakeGenerator


def of_its_own(settings: Settings, engine: Engine, folder: Path) -> Installation:
    own = settings.model_copy(update={"var_dir": folder, "adapter_store": f"file://{folder / 'store'}"})
    store = FileAdapterStore(own.store_url)
    store.begin()
    return Installation(own, engine, store, FakeGenerator())


@pytest.fixture
def installation(settings: Settings, clean: Engine, tmp_path: Path) -> Installation:
    return of_its_own(settings, clean, tmp_path)


@pytest.fixture
def generator(installation: Installation) -> FakeGenerator:
    assert isinstance(installation.generator, FakeGenerator)
    return installation.generator


@pytest.fixture
def training_set(installation: Installation, tmp_path: Path) -> TrainingSetRow:
    """A frozen set of one row, committed, for a persona of its own; jobs open their own sessions."""
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"kind": "demonstration", "completion": "Because."}\n')
    frozen = freeze(installation.settings.store_url, rows)
    with session_scope(installation.engine) as session:
        persona = add_persona(session, slug="trained")
        row = TrainingSetRow(
            persona=persona,
            cutoff=AT,
            policy={},
            policy_digest="policy",
            digest=frozen.digest,
            path=frozen.path,
            row_count=1,
            counts={},
            dropped={},
            created_at=AT,
        )
        session.add(row)
    return row
