"""Retention: old versions lose their files, and what nobody will come back to or names goes. Rows stay.

Nothing goes that serves, served, is where a rollback leads, or is named in a decision.
"""

import logging
import shutil
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TypedDict

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.adapters.disk import locked
from services.adapters.freezing import delete_files, frozen_files
from services.adapters.promotions import lock_persona
from services.adapters.store import AdapterName
from services.db.erasing_lock import hold_freezing
from services.db.feedback_tables import PersonaRow
from services.db.files_lock import hold_backups
from services.db.session import session_scope
from services.domain.personas import PersonaSlug
from services.domain.retention import RetentionPolicy
from services.jobs.installation import Installation, now, open_installation
from services.jobs.sweep import FOLDER as SWEEPS
from services.operations.frozen_files import FileFate, judge_frozen
from services.operations.retention import (
    Fate,
    has_versions,
    judge_folders,
    judge_versions,
    mark_removed,
    removed_names,
)
from services.training.holding import clear_away
from services.training.leftovers import Leftover, leftovers, sweep_leftovers

logger = logging.getLogger(__name__)


class Retained(TypedDict):
    """One folder or file: of a version, frozen and named by nobody, or of a run or sweep on this machine."""

    of: str
    folder: str
    stays: bool
    why: str
    bytes: int


def retain() -> list[Retained]:
    """Remove what may go; says what stays, what went, and why. Interrupted, the next call finishes it.

    Raises AdapterStoreUnavailable.
    """
    with open_installation() as installation:
        return retain_with(installation, at=now())


def foresee() -> list[Retained]:
    """What `retain` would do now; nothing is marked or removed."""
    with open_installation() as installation:
        return foresee_with(installation, at=now())


def retain_with(installation: Installation, *, at: datetime) -> list[Retained]:
    """As `retain`, in a given installation. Work folders and caches are those of this machine."""
    told = [one for slug in _personas(installation) for one in _retain_persona(installation, slug, at=at)]
    told += _retain_frozen(installation, at=at)
    for left in _left_by_trainings(installation, at=at):
        busy = not left.stays and not clear_away(left.folder)
        told.append(_told_of_left(replace(left, stays=True, why="a process works in it") if busy else left))
    return told


def foresee_with(installation: Installation, *, at: datetime) -> list[Retained]:
    """As `foresee`, in a given installation."""
    told = []
    for slug in _personas(installation):
        with session_scope(installation.engine) as session:
            persona = lock_persona(session, slug)
            versions = _versions(session, installation, persona, at=at)
            told += _told(slug, versions) + _told(slug, _folders(session, installation, persona, at=at))
            removed = {*removed_names(session, persona), *(one.name for one in versions if not one.stays)}
            told += _told_of_golden(slug, _golden(installation, slug, removed))
    with session_scope(installation.engine) as session:
        told += _told_of_frozen(_frozen(session, installation, at=at))
    return told + [_told_of_left(left) for left in _left_by_trainings(installation, at=at)]


def _retain_persona(installation: Installation, slug: str, *, at: datetime) -> list[Retained]:
    """Marks are committed before a folder goes; each half holds the persona's lock."""
    with session_scope(installation.engine) as session:
        persona = lock_persona(session, slug)
        versions = _versions(session, installation, persona, at=at)
        for fate in versions:
            if not fate.stays:
                mark_removed(session, persona, fate.number, at=at)
    marked = {fate.number for fate in versions if not fate.stays}
    with session_scope(installation.engine) as session:
        hold_backups(session)
        persona = lock_persona(session, slug)
        folders = _folders(session, installation, persona, at=at)
        for fate in folders:
            if not fate.stays:
                installation.store.remove(PersonaSlug(slug), fate.number)
                logger.info("%s/v%04d is removed: %s", slug, fate.number, fate.why)
        removed = removed_names(session, persona)
        golden = _golden(installation, slug, removed)
        for name in golden:
            installation.store.forget(name)
        _clear_cache(installation, removed)
    folders = [fate for fate in folders if fate.number not in marked]
    return _told(slug, versions) + _told(slug, folders) + _told_of_golden(slug, golden)


def _retain_frozen(installation: Installation, *, at: datetime) -> list[Retained]:
    with session_scope(installation.engine) as session:
        hold_backups(session)
        hold_freezing(session)
        fates = _frozen(session, installation, at=at)
        delete_files(installation.settings.store_url, [one.path for one in fates if not one.stays])
    return _told_of_frozen(fates)


def _personas(installation: Installation) -> list[str]:
    """Those with a version of their own: before the first there is no store to look into."""
    with session_scope(installation.engine) as session:
        rows = session.scalars(select(PersonaRow).order_by(PersonaRow.slug))
        return [row.slug for row in rows if has_versions(session, row)]


def _versions(
    session: Session, installation: Installation, persona: PersonaRow, *, at: datetime
) -> list[Fate]:
    settings = installation.settings
    policy = RetentionPolicy(settings.retention_versions, settings.retention_days)
    sizes = installation.store.sizes(PersonaSlug(persona.slug))
    return judge_versions(session, persona, sizes, policy=policy, at=at)


def _folders(
    session: Session, installation: Installation, persona: PersonaRow, *, at: datetime
) -> list[Fate]:
    store = installation.store
    return judge_folders(session, store, persona, store.sizes(PersonaSlug(persona.slug)), at=at)


def _golden(
    installation: Installation, slug: str, removed: Collection[AdapterName]
) -> dict[AdapterName, int]:
    """The bytes of what removed versions were expected to answer, by their names."""
    remembered = installation.store.remembered(PersonaSlug(slug))
    return {name: size for name, size in sorted(remembered.items()) if name in removed}


def _frozen(session: Session, installation: Installation, *, at: datetime) -> list[FileFate]:
    store_url = installation.settings.store_url
    return list(judge_frozen(session, store_url, frozen_files(store_url), at=at))


def _clear_cache(installation: Installation, names: Iterable[str]) -> None:
    """Files of removed versions that the inference server fetched; it reads them only to load one."""
    cache = installation.settings.adapter_cache
    folders = [cache / name for name in names if (cache / name).is_dir()]
    if folders:
        with locked(cache):
            for folder in folders:
                shutil.rmtree(folder, ignore_errors=True)


def _left_by_trainings(installation: Installation, *, at: datetime) -> list[Leftover]:
    settings = installation.settings
    with session_scope(installation.engine) as session:
        days, sweeps = settings.retention_days, settings.var_dir.resolve() / SWEEPS
        return [
            *leftovers(session, settings.runs_dir, days=days, at=at),
            *sweep_leftovers(session, sweeps, days=days, at=at),
        ]


def _told(slug: str, fates: Iterable[Fate]) -> list[Retained]:
    return [
        Retained(of=slug, folder=f"v{fate.number:04d}", stays=fate.stays, why=fate.why, bytes=fate.size)
        for fate in fates
    ]


def _told_of_golden(slug: str, golden: Mapping[AdapterName, int]) -> list[Retained]:
    why = "its version is removed"
    return [
        Retained(of=slug, folder=f"golden/{name.partition('@')[2]}", stays=False, why=why, bytes=size)
        for name, size in golden.items()
    ]


def _told_of_frozen(fates: Iterable[FileFate]) -> list[Retained]:
    told = []
    for fate in fates:
        folder, _, name = fate.path.partition("/")
        of = folder.strip("_").replace("_", " ")
        told.append(Retained(of=of, folder=name[:12], stays=fate.stays, why=fate.why, bytes=fate.size))
    return told


def _told_of_left(left: Leftover) -> Retained:
    """Below `runs`, or below `sweeps` or its `trials`."""
    return Retained(
        of=left.folder.parent.name, folder=left.folder.name, stays=left.stays, why=left.why, bytes=left.size
    )
