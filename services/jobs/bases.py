"""Which base a persona learns on: that of its champion, so a promotion moves it there and a rollback back.

In the place of a champion that is tainted, that of whom its replacement is judged against.

The plain base has none of its own: where it serves, the settings decide.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy.orm import Session

from services.adapters.promotions import incumbent
from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import TrainingRunRow
from services.domain.training import DEFAULT_QUANTISATION, Quantisation, Recipe, portable
from services.errors.inputs import InvalidRecipe
from services.settings import Settings, usual_recipe
from services.training.recipe import base_of_group, compose_recipe

_OF_THE_BASE = ("model=", "model.revision=", "model.quantisation=")


@dataclass(frozen=True, slots=True)
class Base:
    """A base by its hub name or folder, the revision of a hub's, and how it is held."""

    name: str
    revision: str
    quantisation: Quantisation


def base_of(session: Session, settings: Settings, persona: PersonaRow) -> Base:
    """The base that the persona's next version is trained on."""
    usual = Base(settings.base_model, settings.base_revision, settings.base_quantisation)
    champion = incumbent(session, persona)
    run = session.get(TrainingRunRow, champion.training_run_id) if champion.training_run_id else None
    if run is None or "model" not in run.recipe:
        return usual
    model = run.recipe["model"]
    held = Quantisation(model.get("quantisation", DEFAULT_QUANTISATION))
    learnt = Base(str(model["name"]), str(model["revision"]), held)
    return usual if _has_moved(learnt, usual) else learnt


def _has_moved(learnt: Base, usual: Base) -> bool:
    """Whether the base is that of the settings, and the folder it was in is no more."""
    gone = Path(learnt.name).is_absolute() and not Path(learnt.name).is_dir()
    return gone and replace(learnt, name=portable(learnt.name)) == replace(usual, name=portable(usual.name))


def base_asked_for(settings: Settings, overrides: Sequence[str]) -> tuple[Base, list[str]]:
    """The base that `model=…` names, a model group of the recipes, a hub name or a folder; and the others.

    `model.revision=…` and `model.quantisation=…` go with it; it is held as the settings' unless they say
    otherwise. InvalidRecipe where none is named.
    """
    given = dict(one.split("=", 1) for one in overrides if one.startswith(_OF_THE_BASE))
    others = [one for one in overrides if not one.startswith(_OF_THE_BASE)]
    name = given.get("model", "")
    if not name:
        raise InvalidRecipe("a rebase names its base, as in model=phi3_mini_4k or model=/models/another.")
    try:
        held = Quantisation(given.get("model.quantisation", settings.base_quantisation))
    except ValueError as error:
        known = ", ".join(Quantisation)
        raise InvalidRecipe(f"model.quantisation is one of {known}.") from error
    return Base(base_of_group(name) or name, given.get("model.revision", "main"), held), others


def recipe_on(base: Base, settings: Settings, persona: PersonaRow, overrides: Sequence[str]) -> Recipe:
    """The persona's recipe for a base, with its own overrides and then the given ones; InvalidRecipe."""
    return compose_recipe(
        persona.recipe or settings.recipe or usual_recipe(base.name),
        [*persona.recipe_overrides, *overrides],
        base_model=base.name,
        base_revision=base.revision,
        base_quantisation=base.quantisation,
    )


def recipe_of(session: Session, settings: Settings, persona: PersonaRow, overrides: Sequence[str]) -> Recipe:
    """The persona's recipe for the base it learns on."""
    return recipe_on(base_of(session, settings, persona), settings, persona, overrides)
