"""A new base for one persona: its newest set learnt on it, judged against who serves on the former one.

The persona is on the base of its champion: the promotion moves it, and a rollback moves it back. Both bases
are served meanwhile, each by an inference server of its own.
"""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.adapters.promotions import find_persona, incumbent
from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import TrainingSetRow
from services.db.session import session_scope
from services.domain.gate_policy import for_rebase
from services.errors.lookups import NoTrainingSet
from services.errors.outages import BaseNotServed
from services.errors.refusals import BaseUnchanged
from services.evaluation.decisions import decide_and_store, parse_policy
from services.evaluation.reports import report_by_id
from services.jobs.bases import Base, base_asked_for, recipe_on
from services.jobs.evaluate import Reports, evaluate_with
from services.jobs.gate import Gated
from services.jobs.installation import Installation, now, open_installation
from services.jobs.train import open_trainer, train_with
from services.language_model.routing import bases_of
from services.training.trainer import Trainer
from services.training_sets.conditions import of_everyone

_UNASKED = "not asked yet"  # in the place of settings that the reports will name


def rebase(persona: str, overrides: Sequence[str]) -> Gated:
    """The decision on the persona's newest set learnt on the base that `model=…` names.

    `overrides` are those of a recipe besides. Called again, it goes on where it was. Nobody is promoted.
    Raises InvalidRecipe, InvalidPolicy, NoTrainingSet, BaseUnchanged, BaseNotServed, StartUnusable, and what
    training and evaluating raise.
    """
    with open_installation() as installation:
        return rebase_with(installation, open_trainer(installation.settings), persona, overrides)


def rebase_with(
    installation: Installation, trainer: Trainer, persona: str, overrides: Sequence[str]
) -> Gated:
    """As `rebase`, in a given installation and with a given trainer."""
    base, others = base_asked_for(installation.settings, overrides)
    training_set = _check(installation, trainer, persona, base, others)
    version = train_with(installation, trainer, training_set, others, on=base)
    return _decide(installation, evaluate_with(installation, version))


def _check(
    installation: Installation, trainer: Trainer, slug: str, base: Base, overrides: Sequence[str]
) -> int:
    """The id of the newest set; what would stop a rebase after hours of training stops it here."""
    with session_scope(installation.engine) as session:
        persona = find_persona(session, slug)
        for_rebase(parse_policy(persona.gate_policy), rebased_from=_UNASKED)
        recipe = recipe_on(base, installation.settings, persona, overrides)
        training_set = _newest_set(session, persona)
        champion = incumbent(session, persona)
    digest = trainer.base_digest(recipe.model)
    served = bases_of(installation.generator)
    if digest == champion.provenance.get("base_digest", served[0]):
        raise BaseUnchanged(slug, base.name)
    if digest not in served:
        raise BaseNotServed(base.name)
    return training_set


def _newest_set(session: Session, persona: PersonaRow) -> int:
    newest = session.scalar(
        select(TrainingSetRow.id)
        .where(TrainingSetRow.persona_id == persona.id, of_everyone())
        .order_by(TrainingSetRow.id.desc())
        .limit(1)
    )
    if newest is None:
        raise NoTrainingSet(persona.slug)
    return newest


def _decide(installation: Installation, reports: Reports) -> Gated:
    """What was asked in one evaluation differs in the base alone."""
    with session_scope(installation.engine) as session:
        champion = report_by_id(session, reports["champion"])
        policy = for_rebase(
            parse_policy(champion.version.persona.gate_policy), rebased_from=champion.settings_digest
        )
        decision = decide_and_store(
            session,
            candidate_report=reports["candidate"],
            champion_report=reports["champion"],
            anchor_report=reports["anchor"],
            policy=policy,
            store_url=installation.settings.store_url,
            at=now(),
        )
        return {"decision_id": decision.id, "verdict": decision.verdict}
