"""The personas there are: whom a client can let its people ask. Asking is `answers`."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from feedback_app.api.calls import Call
from feedback_app.api.fields import Shown
from feedback_app.api.operations import listing, reading
from feedback_app.api.pages import Page, Place
from services.adapters.promotions import find_persona, who_serves
from services.db.feedback_tables import PersonaRow
from services.domain.answer_formats import AnswerFormat
from services.domain.scopes import Scope
from services.feedback.queries import personas_by_slug


class PersonaShown(Shown):
    """`version` is the one that serves most conversations now, 0 the plain base."""

    slug: str
    name: str
    format: AnswerFormat
    version: int


@dataclass(frozen=True, slots=True)
class _Found:
    row: PersonaRow
    version: int


@listing("/personas", scope=Scope.PERSONAS, shows=Page[PersonaShown])
def list_personas(session: Session, call: Call, place: Place) -> Page[PersonaShown]:  # noqa: ARG001
    """The personas that can be asked, by slug."""
    rows = personas_by_slug(session, after=place.after or "", limit=place.wanted)
    found = [_Found(row, who_serves(session, row).number) for row in rows]
    return place.page(found, _shown, named=lambda one: one.row.slug)


@reading("/personas/<slug>", scope=Scope.PERSONAS, shows=PersonaShown)
def get_persona(session: Session, call: Call, slug: str) -> PersonaShown:  # noqa: ARG001
    """One persona."""
    row = find_persona(session, slug)
    return _shown(_Found(row, who_serves(session, row).number))


def _shown(found: _Found) -> PersonaShown:
    row = found.row
    return PersonaShown(
        slug=row.slug, name=row.display_name, format=AnswerFormat(row.answer_format), version=found.version
    )
