"""Adapter versions in PostgreSQL: numbered per persona, immutable, published before they have a row."""

import logging
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from services.adapters.finished import digest_of_folder
from services.adapters.promotions import clear_unsound, lock_persona
from services.adapters.store import AdapterName, AdapterStore, Manifest
from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import AdapterVersionRow, TrainingRunRow, TrainingSetRow
from services.domain.personas import PersonaSlug
from services.domain.promotions import BASE_VERSION
from services.errors.artifacts import AdapterCorrupt, AdapterExists
from services.language_model.asking import BASE_NAME

logger = logging.getLogger(__name__)


def register_base(session: Session, persona: PersonaRow, *, at: datetime) -> AdapterVersionRow:
    """Version 0: the plain base, champion until the first promotion."""
    version = AdapterVersionRow(
        persona_id=persona.id,
        number=BASE_VERSION,
        digest=None,
        name=BASE_NAME,
        provenance={},
        created_at=at,
    )
    session.add(version)
    return version


def version_of_run(session: Session, run_id: int) -> AdapterVersionRow | None:
    return session.scalar(select(AdapterVersionRow).where(AdapterVersionRow.training_run_id == run_id))


def version_learnt(
    session: Session, training_set: TrainingSetRow, recipe_digest: str, *, starting_digest: str
) -> AdapterVersionRow | None:
    """The persona's sound version that learnt rows equal to this set's with this recipe from this start,

    in whatever night. One that is unsound or removed is no answer: learning again writes its files anew.
    """
    return session.scalar(
        select(AdapterVersionRow)
        .join(TrainingRunRow, AdapterVersionRow.training_run_id == TrainingRunRow.id)
        .join(TrainingSetRow, TrainingRunRow.training_set_id == TrainingSetRow.id)
        .where(
            TrainingSetRow.persona_id == training_set.persona_id,
            TrainingSetRow.digest == training_set.digest,
            TrainingRunRow.recipe_digest == recipe_digest,
            TrainingRunRow.starting_digest == starting_digest,
            AdapterVersionRow.unsound_at.is_(None),
            AdapterVersionRow.removed_at.is_(None),
            AdapterVersionRow.tainted_at.is_(None),
        )
        .order_by(AdapterVersionRow.number)
        .limit(1)
    )


def register(
    session: Session,
    store: AdapterStore,
    *,
    persona: PersonaSlug,
    run_id: int,
    folder: Path,
    provenance: Mapping[str, object],
    at: datetime,
) -> AdapterVersionRow:
    """Publish a finished folder as the persona's next version, unless it is one of its versions already:

    the run's own, or one of equal files, as a serving name stands for one version only.

    The persona stays locked while the files are published, so a number is given once. A crash between files
    and row leaves an unreferenced folder: the same run finds it equal, another run takes the next number.
    An existing version that is marked unsound or removed gets these files in the place of its own and loses
    the mark; AdapterCorrupt when the run's own came out different this time. What learnt a set that was
    redacted meanwhile is tainted from the first. A tainted version whose very files were learnt anew, without
    the rater, holds nothing of theirs: it is this run's from now on, and tainted no more.
    """
    row = lock_persona(session, persona)
    existing = version_of_run(session, run_id) or _version_of_files(session, row, folder)
    if existing is not None:
        if existing.unsound_at is not None or existing.removed_at is not None:
            _restore(session, store, existing, persona=persona, folder=folder)
        if existing.tainted_at is not None:
            _acquit(session, store, existing, folder=folder, run_id=run_id, provenance=provenance)
        return existing
    version = _publish(session, store, row, folder, provenance=provenance)
    version.training_run_id, version.created_at = run_id, at
    redacted_at = session.get_one(TrainingRunRow, run_id).training_set.redacted_at
    if redacted_at is not None:
        version.tainted_at, version.tainted_reason = redacted_at, "a rater it learnt from was being erased"
    session.add(version)
    session.flush()  # the id is what the next task gets
    return version


def _publish(
    session: Session,
    store: AdapterStore,
    persona: PersonaRow,
    folder: Path,
    *,
    provenance: Mapping[str, object],
) -> AdapterVersionRow:
    """The folder's files under the persona's next number, and the row that is to name them."""
    if not session.scalar(select(exists().where(AdapterVersionRow.number > BASE_VERSION))):
        store.begin()  # with any version published, a store that is not there must stay an error
    newest = session.scalar(
        select(func.max(AdapterVersionRow.number)).where(AdapterVersionRow.persona_id == persona.id)
    )
    manifest = _publish_next(
        store, folder, persona=PersonaSlug(persona.slug), number=(newest or 0) + 1, provenance=provenance
    )
    return AdapterVersionRow(
        persona_id=persona.id,
        number=manifest.number,
        digest=manifest.digest,
        name=manifest.name,
        provenance=dict(provenance),
    )


def _restore(
    session: Session,
    store: AdapterStore,
    version: AdapterVersionRow,
    *,
    persona: PersonaSlug,
    folder: Path,
) -> None:
    """The ledger is left alone: who serves is for the gate and for people to say."""
    if version.digest != digest_of_folder(folder):
        raise AdapterCorrupt(AdapterName(version.name), "trained again it became other files")
    store.restore(folder, persona=persona, number=version.number, provenance=version.provenance)
    logger.info(
        "%s: version %d was %s; trained again it is equal, and its files are written anew",
        persona,
        version.number,
        "removed" if version.removed_at else f"unsound ({version.unsound_reason})",
    )
    clear_unsound(session, version_id=version.id)
    version.removed_at = None


def _acquit(
    session: Session,
    store: AdapterStore,
    version: AdapterVersionRow,
    *,
    folder: Path,
    run_id: int,
    provenance: Mapping[str, object],
) -> None:
    """The manifest is written anew too: what was previewed while it learnt from the rater goes."""
    if session.get_one(TrainingRunRow, run_id).training_set.redacted_at is not None:
        return  # it learnt from the rater once more
    logger.warning(
        "%s: version %d was tainted (%s); learnt without that rater it is the same files, tainted no more",
        version.persona.slug,
        version.number,
        version.tainted_reason,
    )
    slug = PersonaSlug(version.persona.slug)
    store.restore(folder, persona=slug, number=version.number, provenance=provenance)
    version.tainted_at = version.tainted_reason = None
    version.training_run_id, version.provenance = run_id, dict(provenance)


def _version_of_files(session: Session, persona: PersonaRow, folder: Path) -> AdapterVersionRow | None:
    return session.scalar(
        select(AdapterVersionRow).where(
            AdapterVersionRow.persona_id == persona.id, AdapterVersionRow.digest == digest_of_folder(folder)
        )
    )


def _publish_next(
    store: AdapterStore,
    folder: Path,
    *,
    persona: PersonaSlug,
    number: int,
    provenance: Mapping[str, object],
) -> Manifest:
    while True:
        try:
            return store.publish(folder, persona=persona, number=number, provenance=provenance)
        except (AdapterExists, AdapterCorrupt):  # a folder no row names: the remains of a crash
            number += 1
