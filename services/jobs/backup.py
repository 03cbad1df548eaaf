"""Backing up: one moment of the database and the files that its rows name, in a folder that appears whole.

Files are written before the rows that name them, so all that they name is in the store by then; that none of
them goes while it is copied is the lock's doing, which is taken before the moment is chosen.
"""

import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from services.adapters.disk import sync_folder
from services.adapters.file_store import STORE_FILE
from services.adapters.manifests import MANIFEST_FILE, read_manifest
from services.db.chains import CHAINS, chained_rows
from services.db.feedback_tables import PersonaRow
from services.db.files_lock import hold_removals
from services.db.lineage_tables import AdapterVersionRow, GateDecisionRow, TrainingSetRow
from services.db.session import session_scope
from services.domain.chain import check_chain
from services.domain.personas import PersonaSlug
from services.errors.artifacts import AdapterCorrupt
from services.errors.outages import AdapterStoreUnavailable, BackupFailed
from services.jobs.installation import now
from services.operations.at_hand import database_at_hand
from services.operations.backup_manifest import DUMP_FILE, STORE, BackupManifest, write_backup_manifest
from services.operations.dumping import ProgramFailed, dump
from services.operations.store_files import FileMark, copy_out, mark_of, stored_files
from services.settings import Settings, read_settings

_VERSION = re.compile(r"([^/]+)/v(\d{4,})/[^/]+")

Made = tuple[Path, BackupManifest]


def backup(into: Path | None) -> Made:
    """A new folder below `into` (unset: VAR_DIR/backups), and its manifest.

    Raises BackupFailed, AdapterStoreUnavailable, DatabaseUnavailable.
    """
    settings = read_settings()
    with database_at_hand(settings) as engine:
        return backup_with(settings, engine, into or settings.var_dir.resolve() / "backups", at=now())


def backup_with(settings: Settings, engine: Engine, into: Path, *, at: datetime) -> Made:
    """As `backup`, of a given installation, as the owner of its tables."""
    target = into / f"persona-loop-{at:%Y%m%dT%H%M%SZ}"
    try:
        into.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=into, prefix=f".{target.name}.") as folder:
            draft = Path(folder) / "whole"
            draft.mkdir()
            with session_scope(engine) as keeper:
                hold_removals(keeper)
                manifest = _fill(settings, engine, draft, at=at)
                keeper.execute(text("SELECT 1"))  # a connection that broke meanwhile let go of the lock
            write_backup_manifest(manifest, draft)
            sync_folder(draft)
            draft.rename(target)
        sync_folder(into)
    except (OSError, ProgramFailed) as error:
        raise BackupFailed(str(into), str(error)) from error
    return target, manifest


def _fill(settings: Settings, engine: Engine, draft: Path, *, at: datetime) -> BackupManifest:
    with _one_moment(engine) as session:
        snapshot = session.scalars(text("SELECT pg_export_snapshot()")).one()
        dump(settings, snapshot=snapshot, into=draft / DUMP_FILE)
        versions = _versions(session)
        stored = dict(_copy_store(settings.store_url, draft / STORE, versions))
        if versions and STORE_FILE not in stored:
            reason = f"it has no {STORE_FILE}, so it may not be mounted"
            raise AdapterStoreUnavailable(settings.store_url, reason)
        return BackupManifest(
            made_at=at,
            revision=session.scalars(text("SELECT version_num FROM alembic_version")).one(),
            heads={name: check_chain(chained_rows(session, name)).head for name in CHAINS},
            files={DUMP_FILE: mark_of(draft / DUMP_FILE)}
            | {f"{STORE}/{path}": mark for path, mark in stored.items()},
            lacking=(
                *_versions_lacking(draft / STORE, versions, stored),
                *_frozen_lacking(session, stored),
            ),
        )


@contextmanager
def _one_moment(engine: Engine) -> Iterator[Session]:
    """A session in which nothing changes any more."""
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        yield Session(connection)


def _versions(session: Session) -> dict[str, AdapterVersionRow]:
    """Those with files, by their folder below the store."""
    rows = session.execute(
        select(PersonaRow.slug, AdapterVersionRow)
        .join(PersonaRow, AdapterVersionRow.persona_id == PersonaRow.id)
        .where(AdapterVersionRow.number > 0, AdapterVersionRow.removed_at.is_(None))
        .order_by(PersonaRow.slug, AdapterVersionRow.number)
    )
    return {f"{slug}/v{row.number:04d}": row for slug, row in rows}


def _copy_store(
    store_url: str, into: Path, versions: Mapping[str, AdapterVersionRow]
) -> Iterator[tuple[str, FileMark]]:
    """All but folders that no version has in this moment: later, another adapter may get their number."""
    for path in stored_files(store_url):
        if _VERSION.fullmatch(path) and path.rpartition("/")[0] not in versions:
            continue
        mark = copy_out(store_url, path, into / path)
        if mark is not None:
            yield path, mark


def _versions_lacking(
    copies: Path, versions: Mapping[str, AdapterVersionRow], stored: Mapping[str, FileMark]
) -> Iterator[str]:
    """The folders whose copy is not what was published; versions known to be unsound aside."""
    for folder, row in versions.items():
        if row.unsound_at is not None:
            continue
        slug, _, number = folder.partition("/v")
        try:
            raw = (copies / folder / MANIFEST_FILE).read_bytes()
            manifest = read_manifest(raw, persona=PersonaSlug(slug), number=int(number))
        except (FileNotFoundError, AdapterCorrupt):
            yield folder
            continue
        copied = {name: stored.get(f"{folder}/{name}") for name in manifest.files}
        digests = {name: mark.digest for name, mark in copied.items() if mark is not None}
        if manifest.digest != row.digest or digests != dict(manifest.files):
            yield folder


def _frozen_lacking(session: Session, stored: Mapping[str, FileMark]) -> Iterator[str]:
    """The files of sets and evidence that rows name and that are not there as they were frozen."""
    sets = select(TrainingSetRow.path, TrainingSetRow.digest).where(TrainingSetRow.redacted_at.is_(None))
    evidence = select(GateDecisionRow.evidence_path, GateDecisionRow.evidence_digest).where(
        GateDecisionRow.redacted_at.is_(None), GateDecisionRow.evidence_path.is_not(None)
    )
    named = {str(path): str(digest) for rows in (sets, evidence) for path, digest in session.execute(rows)}
    for path, digest in sorted(named.items()):
        found = stored.get(path)
        if found is None or found.digest != digest:
            yield path
