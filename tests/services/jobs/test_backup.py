"""Backups and restores on servers and stores of their own: a drill, and what must not pass for a backup."""

import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from uuid import uuid4

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, select, text
from typer.testing import CliRunner, Result

from services.adapters.file_store import FileAdapterStore
from services.adapters.promoting import promote
from services.adapters.promotions import find_persona, who_serves
from services.adapters.versions import register
from services.cli.main import app
from services.db import embedded, migrate
from services.db.feedback_tables import AnswerRow, PersonaRow
from services.db.files_lock import hold_backups
from services.db.granting import may_rewrite
from services.db.session import database_url, make_engine, owner_url, session_scope
from services.domain.conversation import Question
from services.domain.feedback import RaterId
from services.domain.personas import PersonaSlug
from services.errors.artifacts import BackupUnusable
from services.errors.outages import BackupFailed
from services.errors.refusals import PlaceNotEmpty
from services.jobs import retain
from services.jobs.ask import ask
from services.jobs.backup import Made, backup_with
from services.jobs.installation import Installation
from services.jobs.restore import restore_with
from services.operations.backup_manifest import read_backup_manifest, write_backup_manifest
from services.operations.secrets import ensure_secrets
from services.settings import ROOT, Settings
from tests.builders import AT, add_persona
from tests.fakes import FakeGenerator
from tests.lineage_builders import add_decision, add_run, add_training_set

PIRATE = PersonaSlug("pirate")
LATER = datetime(2030, 1, 1, tzinfo=UTC)


def started(var_dir: Path) -> Settings:
    settings = Settings(_env_file=ensure_secrets(var_dir), var_dir=var_dir)
    embedded.start(settings)
    return settings


@pytest.fixture(scope="module")
def old(own_var_dir: Path) -> Iterator[Installation]:
    """Without personas; `champion` makes one."""
    settings = started(own_var_dir / "old")
    engine = make_engine(owner_url(settings))
    migrate.upgrade(engine)
    store = FileAdapterStore(settings.store_url)
    yield Installation(settings, engine, store, FakeGenerator())
    engine.dispose()
    embedded.stop(settings)


@pytest.fixture(scope="module")
def new(own_var_dir: Path) -> Iterator[Settings]:
    settings = started(own_var_dir / "new")
    yield settings
    embedded.stop(settings)


@pytest.fixture
def empty(new: Settings) -> Iterator[Engine]:
    """The new installation before anything is restored into it: no table, no store."""
    engine = make_engine(owner_url(new))
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    subprocess.run(["rm", "-rf", str(new.var_dir / "adapters")], check=True)
    yield engine
    engine.dispose()


@pytest.fixture
def champion(old: Installation, make_folder: Callable[..., Path]) -> str:
    """Its name; beside it an adapter folder without a row, as a crash leaves it. Made once."""
    with session_scope(old.engine) as session:
        if session.scalar(select(PersonaRow)) is None:
            persona = add_persona(session, slug=PIRATE)
            training_set = add_training_set(session, persona, redacted_at=AT)
            run = add_run(session, training_set, state="running")
            row = register(
                session,
                old.store,
                persona=PIRATE,
                run_id=run.id,
                folder=make_folder(1.0),
                provenance={"base_digest": "the only base"},
                at=AT,
            )
            row.tainted_at = None
            promote(session, decision_id=add_decision(session, row, verdict="PASS").id, actor="test", at=AT)
            old.store.publish(make_folder(2.0), persona=PIRATE, number=2, provenance={})
        return who_serves(session, find_persona(session, PIRATE)).name


@pytest.fixture
def made(old: Installation, champion: str, tmp_path: Path) -> Made:
    assert champion
    return backup_with(old.settings, old.engine, tmp_path / "backups", at=LATER)


def asked(engine: Engine, model: str) -> str:
    """What a new rater is answered by the version that serves, if that is `model`."""
    answer_id = ask(
        engine,
        FakeGenerator(text="the plain base", by_model={model: "Arr, by the stars."}),
        persona_slug=PIRATE,
        rater=RaterId(uuid4()),
        question=Question("How do you steer?", "sea", "sailor"),
        at=LATER,
    )
    with session_scope(engine) as session:
        return session.get_one(AnswerRow, answer_id).text


def test_a_drill_in_an_empty_place_the_same_champion_answers(old, made, empty, new, champion, tmp_path):
    folder, manifest = made
    migrate.upgrade(empty)  # as a service that was started once leaves it
    restore_with(new, empty, folder, manifest, replace=False)

    with session_scope(empty) as session:
        serving = who_serves(session, find_persona(session, PIRATE))
        assert serving.name == champion
    there = FileAdapterStore(new.store_url)
    fetched = there.fetch(champion, into=tmp_path / "cache")
    assert (fetched / "adapter_model.safetensors").read_bytes() == (
        old.store.fetch(champion, into=tmp_path / "other") / "adapter_model.safetensors"
    ).read_bytes()
    assert set(there.sizes(PIRATE)) == {1}  # the number of a folder without a row is free again
    service = make_engine(database_url(new))
    try:
        assert asked(service, champion) == "Arr, by the stars."
        with service.connect() as connection:
            assert not may_rewrite(connection)
    finally:
        service.dispose()


def test_commands_back_up_and_restore_and_refuse_a_place_with_something_in_it(
    old, new, empty, champion, tmp_path, monkeypatch
):
    assert champion

    def run(settings: Settings, *arguments: str) -> Result:
        monkeypatch.setenv("VAR_DIR", str(settings.var_dir))
        monkeypatch.delenv("DATABASE_URL", raising=False)
        return CliRunner().invoke(app, list(arguments))

    empty.dispose()
    result = run(old.settings, "backup", str(tmp_path))
    assert result.exit_code == 0, result.output
    (folder,) = tmp_path.glob("persona-loop-*")
    assert [path for path in folder.rglob("*") if path.is_file() and path.stat().st_mode & 0o077] == []
    assert run(new, "restore", str(folder)).exit_code == 0
    refused = run(new, "restore", str(folder))
    assert refused.exit_code == 3
    assert "--replace" in refused.stderr
    assert run(new, "restore", str(folder), "--replace").exit_code == 0
    assert run(new, "ledger", "verify").exit_code == 0


@pytest.mark.parametrize(
    ("target", "command"),
    [("backup TO=/b", "persona-loop backup /b"), ("restore FROM=/b REPLACE=1", "restore /b --replace")],
)
def test_make_runs_the_commands(target, command):
    said = subprocess.run(
        ["make", "--dry-run", "--old-file=.venv/.installed", *target.split()],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert command in said.stdout


def test_a_failed_backup_leaves_nothing_that_looks_like_one(old, champion, tmp_path):
    assert champion
    password = old.settings.database_password.get_secret_value()
    locked_out = owner_url(old.settings).replace(password, "wrong")
    settings = old.settings.model_copy(
        update={"database_url": SecretStr(locked_out), "database_owner_url": SecretStr(locked_out)}
    )
    with pytest.raises(BackupFailed, match="authentication failed"):
        backup_with(settings, old.engine, tmp_path, at=LATER)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("file", ["database.dump", "adapters/pirate/v0001/adapter_model.safetensors"])
def test_a_damaged_backup_is_refused_before_anything_is_touched(made, empty, new, file):
    folder, manifest = made
    content = bytearray((folder / file).read_bytes())
    content[-1] ^= 1
    (folder / file).write_bytes(content)
    migrate.upgrade(empty)
    with session_scope(empty) as session:
        add_persona(session, slug="kept")
    with pytest.raises(BackupUnusable, match="does not match its digest"):
        restore_with(new, empty, folder, manifest, replace=True)
    with session_scope(empty) as session:
        assert find_persona(session, "kept")


def test_a_folder_without_its_own_manifest_is_no_backup(made, tmp_path):
    folder, _ = made
    with pytest.raises(BackupUnusable):
        read_backup_manifest(tmp_path)
    file = folder / "manifest.json"
    file.write_text(file.read_text().replace('"size": ', '"size": 1'))
    with pytest.raises(BackupUnusable, match="was changed"):
        read_backup_manifest(folder)


def test_a_store_without_a_database_is_not_written_over(made, empty, new):
    folder, manifest = made
    place = new.var_dir / "adapters" / "pirate"
    place.mkdir(parents=True)
    (place / "mine").touch()
    with pytest.raises(PlaceNotEmpty, match="adapter store"):
        restore_with(new, empty, folder, manifest, replace=False)


def test_a_ledger_other_than_the_noted_one_is_told(made, empty, new):
    folder, manifest = made
    other = replace(manifest, heads={**manifest.heads, "ledger": "0" * 64})
    with pytest.raises(BackupUnusable, match="the ledger is not the one"):
        restore_with(new, empty, folder, other, replace=False)


def test_a_backup_of_a_later_release_is_refused(made, empty, new):
    folder, manifest = made
    with pytest.raises(BackupUnusable, match="later release"):
        restore_with(new, empty, folder, replace(manifest, revision="9999_later"), replace=False)


def test_a_version_whose_files_are_missing_is_named(old, champion, tmp_path):
    assert champion
    weights = old.settings.var_dir / "adapters/pirate/v0001/adapter_model.safetensors"
    content = weights.read_bytes()
    weights.unlink()
    try:
        _, manifest = backup_with(old.settings, old.engine, tmp_path, at=LATER)
    finally:
        weights.write_bytes(content)
    assert manifest.lacking == ("pirate/v0001",)


def test_removals_and_backups_wait_for_each_other(old, champion, tmp_path):
    assert champion
    begun, go_on = Event(), Event()

    def removing() -> None:
        with session_scope(old.engine) as session:
            hold_backups(session)
            begun.set()
            assert go_on.wait(timeout=20)

    with ThreadPoolExecutor() as pool:
        remover = pool.submit(removing)
        assert begun.wait(timeout=20)
        backing_up = pool.submit(backup_with, old.settings, old.engine, tmp_path, at=LATER)
        with pytest.raises(TimeoutError):
            backing_up.result(timeout=0.5)
        retaining = pool.submit(retain.retain_with, old, at=AT)  # comes after the backup that waits
        with pytest.raises(TimeoutError):
            retaining.result(timeout=0.5)
        go_on.set()
        remover.result(timeout=20)
        backing_up.result(timeout=20)
        retaining.result(timeout=20)


def test_manifests_are_read_as_they_were_written(made, tmp_path):
    _, manifest = made
    write_backup_manifest(manifest, tmp_path)
    assert read_backup_manifest(tmp_path) == manifest
