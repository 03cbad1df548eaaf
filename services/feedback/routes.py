"""Routes: which persona answers when one is asked for another format than its own.

A persona owns one line of adapters, so each format that a character answers in has a persona of its own; the
first of them names the others. An answer and what is said of it belong to the one that really answered.
"""

from sqlalchemy import delete, exists, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.db.feedback_tables import PersonaRouteRow, PersonaRow
from services.domain.answer_formats import AnswerFormat
from services.domain.personas import PersonaState
from services.errors.inputs import NoRoute
from services.errors.refusals import RouteRefused


def answers_for(session: Session, persona: PersonaRow, wanted: AnswerFormat | None) -> PersonaRow:
    """Who answers in this format: the persona itself, or the one it names; NoRoute when it names none."""
    if wanted is None or wanted == persona.answer_format:
        return persona
    found = routes_of(session, persona).get(wanted)
    if found is None:
        raise NoRoute(persona.slug, wanted)
    return found


def routes_of(session: Session, persona: PersonaRow) -> dict[AnswerFormat, PersonaRow]:
    """The personas that answer for this one, by the format that they answer in; none that is archived."""
    targets = session.scalars(
        select(PersonaRow)
        .join(PersonaRouteRow, PersonaRouteRow.target_id == PersonaRow.id)
        .where(PersonaRouteRow.persona_id == persona.id, PersonaRow.state != PersonaState.ARCHIVED)
        .order_by(PersonaRow.answer_format)
    )
    return {AnswerFormat(target.answer_format): target for target in targets}


def add_route(session: Session, persona: PersonaRow, target: PersonaRow) -> None:
    """Let `target` answer what `persona` is asked in the target's format, in the place of whoever did.

    Raises RouteRefused for a target of the persona's own format, and where a route would lead on to another.
    """
    both = (persona.id, target.id)
    # One after another: two routes that are named at once must not make a chain.
    session.execute(
        select(PersonaRow.id)
        .where(PersonaRow.id.in_(both))
        .order_by(PersonaRow.id)
        .with_for_update(key_share=True)
    )
    if target.answer_format == persona.answer_format:
        raise RouteRefused(persona.slug, target.slug, f"both answer in the format {persona.answer_format}")
    if session.scalar(select(exists().where(PersonaRouteRow.persona_id == target.id))):
        raise RouteRefused(persona.slug, target.slug, f"{target.slug!r} has routes of its own")
    if session.scalar(select(exists().where(PersonaRouteRow.target_id == persona.id))):
        raise RouteRefused(persona.slug, target.slug, f"{persona.slug!r} answers for another persona itself")
    route = insert(PersonaRouteRow).values(
        persona_id=persona.id, answer_format=target.answer_format, target_id=target.id
    )
    session.execute(
        route.on_conflict_do_update(
            index_elements=["persona_id", "answer_format"], set_={"target_id": target.id}
        )
    )


def remove_route(session: Session, persona: PersonaRow, target: PersonaRow) -> None:
    """Let the target answer for this persona no more; nothing when it did not."""
    session.execute(
        delete(PersonaRouteRow).where(
            PersonaRouteRow.persona_id == persona.id, PersonaRouteRow.target_id == target.id
        )
    )
