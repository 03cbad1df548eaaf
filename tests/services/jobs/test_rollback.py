"""Rolling back as a job: a version whose files were restored serves again, one still damaged does not."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from services.adapters.file_store import FileAdapterStore
from services.adapters.promotions import find_persona, version_by_number, who_serves, withdraw
from services.db.lineage_tables import AdapterVersionRow
from services.db.session import session_scope
from services.domain.personas import PersonaSlug
from services.errors.artifacts import AdapterCorrupt
from services.errors.refusals import VersionTainted, VersionUnsound
from services.jobs.installation import Installation
from services.jobs.rollback import rollback_with
from tests.builders import AT, add_persona
from tests.lineage_builders import add_serving_version

PIRATE = PersonaSlug("pirate")


@pytest.fixture
def weights(installation: Installation, make_folder) -> Path:
    """The stored weights of version 1, which served and was then withdrawn as unsound."""
    installation.store.begin()
    manifest = installation.store.publish(make_folder(), persona=PIRATE, number=1, provenance={})
    with session_scope(installation.engine) as session:
        persona = add_persona(session, slug=PIRATE)
        version = add_serving_version(session, persona, number=1, digest=manifest.digest)
        session.flush()
        withdraw(session, version_id=version.id, problem="a flipped byte", actor="server", at=AT)
    root = Path(installation.settings.store_url.removeprefix("file://"))
    return root / PIRATE / "v0001" / "adapter_model.safetensors"


def version_one(installation: Installation) -> AdapterVersionRow:
    with session_scope(installation.engine) as session:
        return version_by_number(session, find_persona(session, PIRATE), 1)


@pytest.mark.usefixtures("weights")
def test_a_version_whose_files_were_restored_serves_again(installation):
    moved = rollback_with(installation, PIRATE, 1, "restored from the backup", actor="me")

    assert (moved["version"], moved["kind"]) == (1, "reinstate")
    assert version_one(installation).unsound_at is None
    with session_scope(installation.engine) as session:
        assert who_serves(session, find_persona(session, PIRATE)).number == 1


def test_a_version_whose_files_are_still_damaged_stays_unsound(installation, weights):
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)

    with pytest.raises(AdapterCorrupt, match="adapter_model"):
        rollback_with(installation, PIRATE, 1, "surely it is fine", actor="me")
    assert version_one(installation).unsound_at is not None
    with session_scope(installation.engine) as session:
        assert who_serves(session, find_persona(session, PIRATE)).number == 0


@pytest.mark.usefixtures("weights")
def test_a_rollback_that_is_refused_leaves_the_mark(installation):
    with session_scope(installation.engine) as session:
        tainted = version_by_number(session, find_persona(session, PIRATE), 1)
        tainted.tainted_at, tainted.tainted_reason = AT, "a rater it learnt from"

    with pytest.raises(VersionTainted):
        rollback_with(installation, PIRATE, 1, "restored from the backup", actor="me")
    assert version_one(installation).unsound_at == AT


@pytest.mark.usefixtures("weights")
def test_a_mark_that_came_after_the_files_were_looked_at_stays(installation):
    class MarkedMeanwhile(FileAdapterStore):
        def fetch(self, name, *, into):
            with session_scope(installation.engine) as session:
                version = version_by_number(session, find_persona(session, PIRATE), 1)
                version.unsound_at = AT + timedelta(hours=1)
            return super().fetch(name, into=into)

    damaged_again = replace(installation, store=MarkedMeanwhile(installation.settings.store_url))
    with pytest.raises(VersionUnsound):
        rollback_with(damaged_again, PIRATE, 1, "restored from the backup", actor="me")
    assert version_one(installation).unsound_at == AT + timedelta(hours=1)


def test_what_is_asked_once_goes_one_step_back_however_often_it_is_tried(installation):
    with session_scope(installation.engine) as session:
        persona = add_persona(session, slug=PIRATE)
        for number in (1, 2, 3):
            add_serving_version(session, persona, number=number, digest=f"{number}b" * 32)

    tries = [rollback_with(installation, PIRATE, None, "worse", actor="run 1", once=True) for _ in range(3)]
    assert tries == [tries[0]] * 3
    assert (tries[0]["version"], tries[0]["kind"]) == (2, "rollback")
    assert rollback_with(installation, PIRATE, None, "worse", actor="run 2", once=True)["version"] == 1


def test_a_person_may_go_back_twice(installation):
    with session_scope(installation.engine) as session:
        persona = add_persona(session, slug=PIRATE)
        for number in (1, 2):
            add_serving_version(session, persona, number=number, digest=f"{number}c" * 32)

    steps = [rollback_with(installation, PIRATE, None, "worse", actor="me")["version"] for _ in range(2)]
    assert steps == [1, 0]
