"""Creating personas and giving them files: examples to start from, items to be judged on."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.adapters.canaries import parse_canary_policy
from services.adapters.promotions import find_persona, lock_persona
from services.db.feedback_tables import PersonaRow
from services.db.session import session_scope
from services.domain.answer_formats import AnswerFormat, AnswerRules, rules_of
from services.domain.example_policy import ExamplePolicy
from services.domain.gate_policy import with_kept
from services.domain.personas import DEFAULT_SYSTEM_TEMPLATE, Persona, default_generation, parse_slug
from services.errors.inputs import InvalidPolicy
from services.errors.refusals import PersonaExists
from services.evaluation.decisions import parse_policy
from services.feedback.personas import (
    PersonaPlan,
    Policies,
    change_policies,
    create_persona,
    differences,
)
from services.feedback.routes import add_route, remove_route, routes_of
from services.jobs.installation import now, open_installation
from services.jobs.new_persona import check_beginning
from services.training.recipe import compose_recipe
from services.training_sets.import_lock import begin_import
from services.training_sets.importing import Imported, ImportFile, import_file, import_items

SECTIONS = ("examples", "gate", "canary", "generation", "answers")

logger = logging.getLogger(__name__)


def create(
    slug: str,
    display_name: str,
    system_template: str = DEFAULT_SYSTEM_TEMPLATE,
    seed_file: str | None = None,
    overrides: list[str] | None = None,
    answer_format: str = AnswerFormat.FREE_TEXT,
    word_limit: int = 0,
) -> str:
    """A persona with defaults for everything the form does not ask; returns its slug, the second time too."""
    rules = AnswerRules(AnswerFormat(answer_format), word_limit=word_limit)
    persona = Persona(
        slug=parse_slug(slug),
        display_name=display_name,
        system_template=system_template,
        answers=rules,
        generation=default_generation(rules),
    )
    return create_planned(
        PersonaPlan(persona, recipe_overrides=tuple(overrides or [])),
        seed_file=Path(seed_file) if seed_file else None,
        again=True,
    )


def plan_of(
    slug: str,
    name: str,
    template: str,
    *,
    markers: Sequence[str],
    stored: Mapping[str, Any],
    answers: Mapping[str, object],
    overrides: Sequence[str] = (),
) -> PersonaPlan:
    """A plan with the policies of a file or a form, by section; `answers` go before that section of theirs.

    Raises InvalidSlug, InvalidInput for values out of range, InvalidPolicy for what is no policy.
    """
    if unknown := stored.keys() - SECTIONS:
        raise InvalidPolicy(f"{', '.join(sorted(unknown))} is unknown; there are {', '.join(SECTIONS)}.")
    try:
        examples = ExamplePolicy(**stored.get("examples", {}))
        rules = rules_of({**stored.get("answers", {}), **answers})
        generation = replace(default_generation(rules), **stored.get("generation", {}))
    except TypeError as error:
        raise InvalidPolicy(f"{error}.") from error
    return PersonaPlan(
        persona=Persona(
            slug=parse_slug(slug),
            display_name=name or slug,
            system_template=template,
            answers=rules,
            markers=tuple(markers),
            generation=generation,
        ),
        example_policy=examples,
        gate_policy=with_kept(parse_policy(stored["gate"])) if "gate" in stored else None,
        canary_policy=parse_canary_policy(stored["canary"]) if "canary" in stored else None,
        recipe_overrides=tuple(overrides),
    )


def create_planned(plan: PersonaPlan, *, seed_file: Path | None = None, again: bool = False) -> str:
    """Create a persona with its seed examples, or nothing at all when a line of the file cannot be used.

    `again`: one that is there already is no error if it is as planned and has every example of the file.
    Raises what `create_persona` and `check_beginning` raise, InvalidRecipe for overrides that do not compose,
    InvalidRecord.
    """
    with open_installation() as installation:
        settings = installation.settings
        compose_recipe(
            plan.recipe or settings.recipe_name,
            plan.recipe_overrides,
            base_model=settings.base_model,
            base_revision=settings.base_revision,
            base_quantisation=settings.base_quantisation,
        )
        with session_scope(installation.engine) as session:
            known = _find_as_planned(session, plan) if again else None
            row = known or create_persona(session, plan, at=now())
            if not known:
                check_beginning(session, settings, row)
            if seed_file is not None:
                begin_import(session, row)
                imported = import_file(session, row, ImportFile(seed_file), at=now())
                if imported.rejected:
                    raise imported.rejected[0]
                if known and imported.added:
                    raise PersonaExists(row.slug, ("examples",))
                logger.info("%s: %d seed examples", row.slug, imported.added)
            return row.slug


def _find_as_planned(session: Session, plan: PersonaPlan) -> PersonaRow | None:
    """None when there is none of its slug; PersonaExists when that one is not as planned."""
    row = session.scalar(select(PersonaRow).where(PersonaRow.slug == plan.persona.slug))
    if row is not None and (found := differences(row, plan)):
        raise PersonaExists(row.slug, found)
    return row


def policies(slug: str) -> dict[str, Any]:
    """A persona's policies in the shape in which `change` takes them."""
    with open_installation() as installation, session_scope(installation.engine) as session:
        row = find_persona(session, slug)
        return {
            "examples": row.example_policy,
            "gate": row.gate_policy,
            "canary": row.canary_policy or None,
        }


def change(slug: str, policies: Policies) -> None:
    """Change a persona's policies. Raises UnknownPersona."""
    with open_installation() as installation, session_scope(installation.engine) as session:
        change_policies(lock_persona(session, find_persona(session, slug).slug), policies)


def add_file(slug: str, file: ImportFile) -> Imported:
    """Import a file into a persona, all of it or nothing; what cannot be used is reported, the rest kept."""
    with open_installation() as installation, session_scope(installation.engine) as session:
        row = find_persona(session, slug)
        begin_import(session, row)
        return import_file(session, row, file, at=now())


def add_items(slug: str, file: ImportFile) -> Imported:
    """Import evaluation items into a persona; what cannot be used is reported, the rest is kept."""
    with open_installation() as installation, session_scope(installation.engine) as session:
        row = find_persona(session, slug)
        begin_import(session, row)
        return import_items(session, row, file, at=now())


def route(slug: str, target: str, *, remove: bool = False) -> dict[str, str]:
    """Let another persona answer what this one is asked in that one's format; who answers in which now."""
    with open_installation() as installation, session_scope(installation.engine) as session:
        persona, other = find_persona(session, slug), find_persona(session, target)
        (remove_route if remove else add_route)(session, persona, other)
        answering = {AnswerFormat(persona.answer_format): persona} | routes_of(session, persona)
        return {wanted.value: row.slug for wanted, row in answering.items()}
