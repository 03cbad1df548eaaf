"""Restoring a backup: into an empty place, its digests checked before and its hash chains after."""

from pathlib import Path

from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from services.adapters.file_store import STORE_FILE
from services.db import migrate
from services.db.chains import CHAINS, chained_rows
from services.db.session import session_scope
from services.domain.chain import check_chain
from services.errors.artifacts import BackupUnusable
from services.errors.outages import RestoreFailed
from services.errors.refusals import PlaceNotEmpty
from services.operations.at_hand import service_stopped
from services.operations.backup_manifest import (
    DUMP_FILE,
    STORE,
    BackupManifest,
    check_backup,
    read_backup_manifest,
)
from services.operations.dumping import ProgramFailed, drop_everything, holds_something, load
from services.operations.store_files import copy_in, stored_files, take_all_away
from services.settings import ROOT, Settings


def restore(settings: Settings, folder: Path, *, replace: bool) -> BackupManifest:
    """Put a backup in the place of this installation, while its service is stopped.

    Raises BackupUnusable, PlaceNotEmpty unless `replace`, RestoreFailed, ServiceRuns.
    """
    manifest = read_backup_manifest(folder)
    with service_stopped(settings) as engine:
        return restore_with(settings, engine, folder, manifest, replace=replace)


def restore_with(
    settings: Settings, engine: Engine, folder: Path, manifest: BackupManifest, *, replace: bool
) -> BackupManifest:
    """As `restore`, with the database as its owner. The store comes first: rows name files that are there."""
    _refuse_later_release(folder, manifest)
    check_backup(folder, manifest)
    if not replace:
        _refuse_unless_empty(settings, engine)
    try:
        with engine.begin() as connection:
            drop_everything(connection)
        take_all_away(settings.store_url)
        _fill_store(settings.store_url, folder, manifest)
        load(settings, folder / DUMP_FILE)
    except (OSError, ProgramFailed) as error:
        raise RestoreFailed(str(folder), str(error)) from error
    except DBAPIError as error:
        raise RestoreFailed(str(folder), f"the database: {str(error.orig).splitlines()[0]}") from error
    migrate.upgrade(engine)  # grants the service its rights, too: a dump restored elsewhere has none
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")
    _check_chains(engine, folder, manifest)
    return manifest


def _refuse_later_release(folder: Path, manifest: BackupManifest) -> None:
    try:
        ScriptDirectory(str(ROOT / "migrations")).get_revision(manifest.revision)
    except CommandError as error:
        reason = f"its schema {manifest.revision} is of a later release than this one"
        raise BackupUnusable(str(folder), reason) from error


def _refuse_unless_empty(settings: Settings, engine: Engine) -> None:
    with engine.connect() as connection:
        if holds_something(connection):
            raise PlaceNotEmpty("the database")
    if set(stored_files(settings.store_url)) - {STORE_FILE}:
        raise PlaceNotEmpty(f"the adapter store at {settings.store_url}")


def _fill_store(store_url: str, folder: Path, manifest: BackupManifest) -> None:
    """The file that says that a store is here comes last: until then it is taken for one not mounted."""
    paths = [path.removeprefix(f"{STORE}/") for path in manifest.files if path.startswith(f"{STORE}/")]
    for path in sorted(paths, key=lambda path: (path == STORE_FILE, path)):
        copy_in(folder / STORE / path, store_url, path)


def _check_chains(engine: Engine, folder: Path, manifest: BackupManifest) -> None:
    with session_scope(engine) as session:
        for name in CHAINS:
            checked = check_chain(chained_rows(session, name))
            if checked.broken is not None or checked.head != manifest.heads.get(name):
                reason = f"all of it is in place, but the {name} is not the one whose head was noted with it"
                raise BackupUnusable(str(folder), reason)
