"""Adapter versions in PostgreSQL: numbered per persona, immutable, published before they have a row."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from services.adapters.promotions import lock_persona
from services.adapters.store import AdapterStore, Manifest
from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import AdapterVersionRow
from services.domain.personas import PersonaSlug
from services.domain.promotions import BASE_VERSION
from services.errors import AdapterCorrupt, AdapterExists
from services.language_model.asking import BASE_NAME


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
    """Publish a finished folder as the persona's next version; the run's version when it already has one.

    The persona stays locked while the files are published, so a number is given once. A crash between files
    and row leaves an unreferenced folder: the same run finds it equal, another run takes the next number.
    """
    row = lock_persona(session, persona)
    existing = version_of_run(session, run_id)
    if existing is not None:
        return existing
    if not session.scalar(select(exists().where(AdapterVersionRow.number > BASE_VERSION))):
        store.begin()  # with any version published, a store that is not there must stay an error
    newest = session.scalar(
        select(func.max(AdapterVersionRow.number)).where(AdapterVersionRow.persona_id == row.id)
    )
    manifest = _publish(store, folder, persona=persona, number=(newest or 0) + 1, provenance=provenance)
    version = AdapterVersionRow(
        persona_id=row.id,
        number=manifest.number,
        digest=manifest.digest,
        name=manifest.name,
        training_run_id=run_id,
        provenance=dict(provenance),
        created_at=at,
    )
    session.add(version)
    session.flush()  # the id is what the next task gets
    return version


def _publish(
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
