"""Retention on a real store and database: what goes, what stays, and what happens beside it."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from services.adapters.file_store import FileAdapterStore
from services.adapters.promotions import find_persona, lock_persona, version_by_number
from services.adapters.store import AdapterName
from services.adapters.versions import register
from services.db.lineage_tables import AdapterVersionRow, PromotionRow
from services.db.session import session_scope
from services.domain.personas import PersonaSlug
from services.domain.promotions import PromotionKind
from services.errors.artifacts import AdapterMissing
from services.errors.outages import AdapterStoreUnavailable
from services.errors.refusals import VersionRemoved
from services.jobs.evaluate import evaluate_with
from services.jobs.installation import Installation
from services.jobs.retain import Retained, foresee_with, retain_with
from services.jobs.rollback import rollback_with
from tests.builders import AT, add_persona
from tests.lineage_builders import add_decision, add_run, add_training_set, unguarded

PIRATE = PersonaSlug("pirate")
LATER = datetime.now(UTC) + timedelta(days=60)

Publish = Callable[[int], None]


def register_with(
    session: Session, installation: Installation, folder: Path, *, at: datetime
) -> AdapterVersionRow:
    run = add_run(session, add_training_set(session, find_persona(session, PIRATE)), state="running")
    return register(
        session, installation.store, persona=PIRATE, run_id=run.id, folder=folder, provenance={}, at=at
    )


@pytest.fixture
def publish(installation: Installation, make_folder) -> Publish:
    """Makes a version with files for the persona, which is there from the first on."""
    with session_scope(installation.engine) as session:
        add_persona(session, slug=PIRATE)

    def make(number: int) -> None:
        with session_scope(installation.engine) as session:
            run = add_run(session, add_training_set(session, find_persona(session, PIRATE)), state="running")
            version = register(
                session,
                installation.store,
                persona=PIRATE,
                run_id=run.id,
                folder=make_folder(float(number)),
                provenance={"base_digest": "the only base"},
                at=AT,
            )
            assert version.number == number

    return make


@pytest.fixture
def five(publish: Publish) -> None:
    for number in range(1, 6):
        publish(number)


def version(installation: Installation, number: int) -> AdapterVersionRow:
    with session_scope(installation.engine) as session:
        return version_by_number(session, find_persona(session, PIRATE), number)


def folders(installation: Installation) -> set[int]:
    return set(installation.store.sizes(PIRATE))


def fates(told: list[Retained]) -> dict[str, bool]:
    return {one["folder"]: one["stays"] for one in told}


@pytest.mark.usefixtures("five")
def test_old_versions_that_nothing_names_lose_their_files_and_keep_their_rows(installation):
    told = retain_with(installation, at=LATER)

    stay = {"v0003": True, "v0004": True, "v0005": True}
    assert fates(told) == {"v0001": False, "v0002": False, **stay}
    assert all(one["bytes"] > 0 for one in told)
    assert folders(installation) == {3, 4, 5}
    assert version(installation, 1).removed_at == LATER
    assert fates(retain_with(installation, at=LATER)) == stay


@pytest.mark.usefixtures("five")
def test_what_would_go_is_said_and_nothing_is_done(installation):
    foreseen = foresee_with(installation, at=LATER)

    assert folders(installation) == {1, 2, 3, 4, 5}
    assert version(installation, 1).removed_at is None
    assert retain_with(installation, at=LATER) == foreseen


@pytest.mark.usefixtures("five")
def test_young_versions_stay(installation):
    assert set(fates(retain_with(installation, at=AT + timedelta(days=29))).values()) == {True}


@pytest.mark.usefixtures("five")
def test_what_a_decision_names_stays_on_either_side(installation):
    with session_scope(installation.engine) as session:
        persona = find_persona(session, PIRATE)
        add_decision(session, version_by_number(session, persona, 1), verdict="FAIL")
        put(session, persona, 2)

    told = {one["folder"]: one["why"] for one in retain_with(installation, at=LATER)}

    assert told["v0001"] == "a decision names it"
    assert told["v0002"] == "it serves"
    assert folders(installation) == {1, 2, 3, 4, 5}


def put(session, persona, number: int) -> None:
    row = PromotionRow(
        persona_id=persona.id,
        version=version_by_number(session, persona, number),
        kind=PromotionKind.REINSTATE,
        actor="test",
        reason="a test asked for it",
        at=AT,
    )
    with unguarded(session):
        session.add(row)


@pytest.mark.usefixtures("five")
def test_a_removed_version_is_neither_put_back_nor_judged_nor_loaded(installation, tmp_path):
    retain_with(installation, at=LATER)
    removed = version(installation, 1)

    with pytest.raises(VersionRemoved, match="removed by retention"):
        rollback_with(installation, PIRATE, 1, "it was good", actor="me")
    with pytest.raises(VersionRemoved):
        evaluate_with(installation, removed.id)
    with pytest.raises(AdapterMissing):
        installation.store.fetch(AdapterName(removed.name), into=tmp_path / "cache")


@pytest.mark.usefixtures("five")
def test_a_version_that_is_trained_again_has_its_files_back(installation, make_folder, tmp_path):
    retain_with(installation, at=LATER)
    with session_scope(installation.engine) as session:
        again = register_with(session, installation, make_folder(1.0), at=LATER)

    assert (again.number, again.removed_at) == (1, None)
    assert installation.store.fetch(AdapterName(again.name), into=tmp_path / "cache").is_dir()


@pytest.mark.usefixtures("five")
def test_a_removal_that_broke_off_is_finished_the_next_time(installation):
    class Failing(FileAdapterStore):
        def remove(self, persona, number):
            raise AdapterStoreUnavailable("s3://adapters", f"no answer for {persona} {number}")

    broken = replace(installation, store=Failing(installation.settings.store_url))
    with pytest.raises(AdapterStoreUnavailable):
        retain_with(broken, at=LATER)
    assert version(installation, 1).removed_at == LATER
    assert folders(installation) == {1, 2, 3, 4, 5}

    told = retain_with(installation, at=LATER)
    assert fates(told)["v0001"] is False
    assert folders(installation) == {3, 4, 5}


@pytest.mark.usefixtures("five")
def test_a_store_that_is_not_mounted_marks_nothing(installation):
    elsewhere = replace(installation, store=FileAdapterStore("file:///nowhere/at/all"))
    with pytest.raises(AdapterStoreUnavailable):
        retain_with(elsewhere, at=LATER)
    assert version(installation, 1).removed_at is None


def test_before_the_first_version_there_is_nothing_to_look_into(installation):
    with session_scope(installation.engine) as session:
        add_persona(session, slug=PIRATE)
    assert retain_with(installation, at=LATER) == []


def test_an_orphaned_folder_goes_once_a_newer_version_is_known(installation, publish, make_folder):
    publish(1)
    installation.store.publish(make_folder(2.0), persona=PIRATE, number=2, provenance={})

    assert fates(retain_with(installation, at=LATER)) == {"v0001": True, "v0002": True}
    publish_past_the_orphan(installation, make_folder)
    soon = datetime.now(UTC) + timedelta(hours=23)
    assert fates(retain_with(installation, at=soon))["v0002"] is True
    assert fates(retain_with(installation, at=LATER))["v0002"] is False
    assert folders(installation) == {1, 3}


def publish_past_the_orphan(installation, make_folder) -> None:
    with session_scope(installation.engine) as session:
        version = register_with(session, installation, make_folder(3.0), at=AT)
        assert version.number == 3


@pytest.mark.usefixtures("five")
def test_files_the_inference_server_keeps_of_it_go_too(installation):
    cache = installation.settings.adapter_cache
    names = [AdapterName(version(installation, number).name) for number in (1, 5)]
    for name in names:
        installation.store.fetch(name, into=cache)

    retain_with(installation, at=LATER)

    assert [(cache / name).is_dir() for name in names] == [False, True]


def waits_for(installation: Installation, job: "Future[list[Retained]]") -> bool:
    """Whether the job comes to wait for a lock of the database."""
    for _ in range(200):
        with session_scope(installation.engine) as session:
            if session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")):
                return not job.done()
        Event().wait(0.02)
    return False


@pytest.mark.usefixtures("five")
def test_a_version_that_is_being_registered_is_waited_for(installation, make_folder):
    """Its folder is there, its row is not committed: under the lock it never looks like an orphan."""
    with ThreadPoolExecutor(1) as pool, session_scope(installation.engine) as session:
        register_with(session, installation, make_folder(6.0), at=AT)
        job = pool.submit(retain_with, installation, at=LATER)
        assert waits_for(installation, job)
        session.commit()
        assert fates(job.result(30))["v0006"] is True
    assert 6 in folders(installation)


@pytest.mark.usefixtures("five")
def test_a_version_that_is_being_put_in_place_stays(installation):
    with ThreadPoolExecutor(1) as pool, session_scope(installation.engine) as session:
        persona = lock_persona(session, PIRATE)
        put(session, persona, 1)
        job = pool.submit(retain_with, installation, at=LATER)
        assert waits_for(installation, job)
        session.commit()
        assert fates(job.result(30)) == {
            "v0001": True,
            "v0002": False,
            **dict.fromkeys(("v0003", "v0004", "v0005"), True),
        }
