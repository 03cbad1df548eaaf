"""Which personas are served on a server that is not the one their version was evaluated on."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.adapters.promotions import who_serves
from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import EvaluationReportRow
from services.db.session import session_scope
from services.domain.fingerprint import Fingerprint, ServerFacts, differences, fingerprint_of
from services.domain.promotions import BASE_VERSION
from services.errors.tree import Unavailable
from services.jobs.installation import Installation, open_installation
from services.language_model.routing import facts_of, open_generator

_PATIENCE = 5.0  # seconds: who looks when something is wrong should not wait for what is


def warnings() -> list[str]:
    """A sentence for each such persona, and for a server that does not answer; empty where all is well."""
    with open_installation() as installation:
        settings = installation.settings
        asking = open_generator(
            settings.inference_endpoints,
            token=settings.inference_token.get_secret_value(),
            timeout_seconds=_PATIENCE,
        )
        return warnings_in(replace(installation, generator=asking))


def warnings_in(installation: Installation) -> list[str]:
    """As `warnings`, in a given installation."""
    try:
        served = facts_of(installation.generator)
    except Unavailable as problem:
        return [str(problem)]
    with session_scope(installation.engine) as session:
        personas = session.scalars(select(PersonaRow).order_by(PersonaRow.slug))
        return [warning for persona in personas for warning in _of_persona(session, persona, served)]


def _of_persona(session: Session, persona: PersonaRow, served: Sequence[ServerFacts]) -> Iterator[str]:
    champion = who_serves(session, persona)
    evaluated = _evaluated(session, champion.version_id)
    if champion.number == BASE_VERSION or evaluated is None or evaluated.facts in served:
        return
    same_base = [one for one in served if one.base_digest == evaluated.facts.base_digest]
    changed = differences(evaluated, replace(evaluated, facts=(same_base or list(served))[0]))
    yield (
        f"{persona.slug}: version {champion.number} serves on another server than it was evaluated on "
        f"({'; '.join(changed)}). It goes on; what was evaluated there is promoted once it is evaluated here."
    )


def _evaluated(session: Session, version_id: int) -> Fingerprint | None:
    """How a version was served when it was evaluated last; None where no report says so."""
    record = session.scalar(
        select(EvaluationReportRow.fingerprint)
        .where(EvaluationReportRow.adapter_version_id == version_id, EvaluationReportRow.arm == "")
        .where(EvaluationReportRow.fingerprint.is_not(None))
        .order_by(EvaluationReportRow.id.desc())
        .limit(1)
    )
    return fingerprint_of(record) if record else None
