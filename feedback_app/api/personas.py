"""The personas there are: whom a client can let its people ask. Asking is `answers`."""

from sqlalchemy.orm import Session

from feedback_app.api.calls import Call
from feedback_app.api.fields import Shown
from feedback_app.api.operations import listing, reading
from feedback_app.api.pages import Page, Place
from services.adapters.promotions import find_persona
from services.db.feedback_tables import PersonaRow
from services.domain.answer_formats import AnswerFormat
from services.domain.scopes import Scope
from services.feedback.queries import personas_by_slug


class PersonaShown(Shown):
    """Which version serves stands with its versions."""

    slug: str
    name: str
    format: AnswerFormat


@listing("/personas", scope=Scope.PERSONAS, shows=Page[PersonaShown])
def list_personas(session: Session, call: Call, place: Place) -> Page[PersonaShown]:  # noqa: ARG001
    """The personas that can be asked, by slug."""
    rows = personas_by_slug(session, after=place.after or "", limit=place.wanted)
    return place.page(rows, _shown, named=lambda row: row.slug)


@reading("/personas/<slug>", scope=Scope.PERSONAS, shows=PersonaShown)
def get_persona(session: Session, call: Call, slug: str) -> PersonaShown:  # noqa: ARG001
    """One persona."""
    return _shown(find_persona(session, slug))


def _shown(row: PersonaRow) -> PersonaShown:
    return PersonaShown(slug=row.slug, name=row.display_name, format=AnswerFormat(row.answer_format))
