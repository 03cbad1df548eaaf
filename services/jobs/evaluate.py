"""Evaluating: candidate, champion and plain base answer the same suite as clients of the inference server."""

import logging
import time
from typing import TypedDict

from sqlalchemy.orm import Session

from services.adapters.promotions import version_by_number, who_serves
from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import AdapterVersionRow, TrainingRunRow
from services.db.session import session_scope
from services.domain.evaluation import Item
from services.domain.personas import Persona
from services.domain.promotions import BASE_VERSION
from services.errors import NothingToJudge, UnknownRecord
from services.evaluation.asking import ask_all
from services.evaluation.reports import find_report, settings_digest, store_report
from services.evaluation.suites import compose_items, freeze_suite, suite_items
from services.jobs.assemble import recipe_of, token_counter
from services.jobs.installation import Installation, now, open_installation
from services.settings import Settings
from services.training_sets.assembly import choose_examples

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_TRIES = 0.5


class Reports(TypedDict):
    """Report ids; champion and base are the same report while the plain base serves."""

    candidate: int
    champion: int
    base: int


def evaluate(version_id: int) -> Reports:
    """Reports of a version, of who serves now and of the base, on a suite frozen at the version's cutoff."""
    with open_installation() as installation:
        with session_scope(installation.engine) as session:
            candidate = session.get(AdapterVersionRow, version_id)
            if candidate is None:
                raise UnknownRecord("adapter version", version_id)
            row = candidate.persona
            persona = row.as_persona()
            champion = who_serves(session, row)
            base = version_by_number(session, row, BASE_VERSION)
            suite = _freeze(session, installation.settings, row, candidate)
            items = suite_items(session, suite)
        arms = {candidate.id: candidate.name, champion.version_id: champion.name, base.id: base.name}
        reports = {
            arm: _report(installation, persona, suite, items, version_id=arm, name=name)
            for arm, name in arms.items()
        }
        return {
            "candidate": reports[candidate.id],
            "champion": reports[champion.version_id],
            "base": reports[base.id],
        }


def _freeze(session: Session, settings: Settings, persona: PersonaRow, version: AdapterVersionRow) -> str:
    run = session.get(TrainingRunRow, version.training_run_id)
    if run is None:
        raise UnknownRecord("training run of version", version.number)
    recipe = recipe_of(settings, persona, [])
    examples = choose_examples(
        session,
        persona,
        cutoff=run.training_set.cutoff,
        max_tokens=recipe.training.max_length,
        count_tokens=token_counter(recipe),
    )
    items = compose_items(session, persona, held_out=examples.held_out)
    if not items:
        raise NothingToJudge(persona.slug)
    return freeze_suite(session, persona, items, at=now())


def _report(
    installation: Installation,
    persona: Persona,
    suite: str,
    items: tuple[Item, ...],
    *,
    version_id: int,
    name: str,
) -> int:
    """The stored report of an arm, asked now unless it is there already."""
    settings = installation.settings
    conditions = settings_digest(
        persona, base_model=settings.base_model, base_revision=settings.base_revision
    )
    with session_scope(installation.engine) as session:
        found = find_report(session, version_id=version_id, suite_digest=suite, settings_digest=conditions)
        if found is not None:
            return found.id
    logger.info("%s answers %d items", name, len(items))
    scores = ask_all(
        installation.generator,
        model=name,
        persona=persona,
        items=items,
        wait=lambda: time.sleep(SECONDS_BETWEEN_TRIES),
    )
    with session_scope(installation.engine) as session:
        return store_report(
            session,
            version_id=version_id,
            suite_digest=suite,
            settings_digest=conditions,
            scores=scores,
            at=now(),
        )
