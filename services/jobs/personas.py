"""Creating personas and giving them files: examples to start from, items to be judged on."""

import logging
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.adapters.promotions import find_persona
from services.db.feedback_tables import PersonaRow
from services.db.session import session_scope
from services.domain.personas import DEFAULT_SYSTEM_TEMPLATE, Persona, parse_slug
from services.errors.refusals import PersonaExists
from services.errors.tree import InvalidInput
from services.feedback.personas import PersonaPlan, create_persona, differences
from services.jobs.installation import now, open_installation
from services.training.recipe import compose_recipe
from services.training_sets.importing import Imported, ImportFile, import_file, import_items

logger = logging.getLogger(__name__)


def create(
    slug: str,
    display_name: str,
    system_template: str = DEFAULT_SYSTEM_TEMPLATE,
    seed_file: str | None = None,
    overrides: list[str] | None = None,
) -> str:
    """A persona with defaults for everything the form does not ask; returns its slug, the second time too."""
    persona = Persona(slug=parse_slug(slug), display_name=display_name, system_template=system_template)
    return create_planned(
        PersonaPlan(persona, recipe_overrides=tuple(overrides or [])),
        seed_file=Path(seed_file) if seed_file else None,
        again=True,
    )


def create_planned(plan: PersonaPlan, *, seed_file: Path | None = None, again: bool = False) -> str:
    """Create a persona with its seed examples, or nothing at all when a line of the file cannot be used.

    `again`: one that is there already is no error if it is as planned and has every example of the file.
    Raises what `create_persona` raises, InvalidRecipe for overrides that do not compose, InvalidRecord.
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
            if seed_file is not None:
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


def add_file(slug: str, file: ImportFile) -> Imported:
    """Import a file into a persona, all of it or nothing; what cannot be used is reported, the rest kept."""
    with open_installation() as installation, session_scope(installation.engine) as session:
        return import_file(session, find_persona(session, slug), file, at=now())


def add_items(slug: str, file: Path) -> Imported:
    """Import evaluation items into a persona; lines that cannot be used are reported, the rest is kept."""
    with open_installation() as installation, session_scope(installation.engine) as session:
        return import_items(session, find_persona(session, slug), _lines(file), at=now())


def _lines(file: Path) -> Iterator[str]:
    try:
        # JSON may hold other separators; what is no UTF-8 is reported with its line.
        with file.open(encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
            yield from lines
    except OSError as error:
        raise InvalidInput(f"The file {file} cannot be read: {error}.") from error
