"""Two answers to one question beside each other, without telling whose they are: which is better? A choice is
taken back within a minute from the page that thanks for it.

Only what was offered to a rater is shown and taken; a GET offers nothing. The curators' blind page, which
judges versions, is `judging`.
"""

from dataclasses import dataclass
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from feedback_app.agreeing import saying
from feedback_app.backend import backend, now
from feedback_app.choices import CHOICES, read_choice
from feedback_app.error_pages import refused
from feedback_app.forms import read_submission, read_undone, typed_text
from feedback_app.limits import count_saying
from feedback_app.raters import current_rater, rater_for_asking, require_rater
from feedback_app.request_log import note
from services.adapters.promotions import find_persona
from services.db.feedback_tables import PersonaRow
from services.db.session import session_scope
from services.domain.example_policy import ExamplePolicy
from services.domain.feedback import AnswerId, RaterId
from services.domain.personas import PersonaSlug, PersonaState
from services.domain.scrubbing import MARK, names_of_bases
from services.errors.outages import TooOften
from services.errors.people import NotAgreed, TooLateToUndo
from services.errors.refusals import FormOutdated
from services.errors.tree import InvalidInput, PersonaLoopError
from services.feedback import choosing, offering
from services.feedback.agreements import has_agreed
from services.feedback.personas import check_asked
from services.feedback.queries import personas_by_slug
from services.feedback.questions import ensure_rater

blueprint = Blueprint("comparing", __name__)

_LISTED = 100  # personas on the page of all


@dataclass(frozen=True, slots=True)
class Beginning:
    """A persona whose answers can be compared; `enough`: the rater was given `most` pairs of it today."""

    slug: str
    name: str
    most: int
    enough: bool


@blueprint.get("/compare")
def of_any() -> ResponseReturnValue:
    """The two answers that wait for this rater's word, or a form for each persona."""
    return _waiting_or_form("")


@blueprint.get("/p/<slug>/compare")
def of_persona(slug: str) -> ResponseReturnValue:
    return _waiting_or_form(slug)


@blueprint.post("/p/<slug>/compare")
def ask_for_two(slug: str) -> AnyResponse:
    note(persona=slug)
    known = current_rater()
    with session_scope(backend().engine) as session:
        check_asked(find_persona(session, slug))
        rater = rater_for_asking(session, known)
    try:
        count_saying(rater)
    except TooOften as problem:
        return refused(_begin(slug, str(problem)), problem)
    with session_scope(backend().engine) as session:
        ensure_rater(session, rater, at=now())
    return _next(PersonaSlug(slug), rater)


@blueprint.post("/answers/<uuid:answer_id>/compare")
def beside_another(answer_id: UUID) -> AnyResponse:
    """An answer beside the other one that its asker got."""
    rater = require_rater()
    count_saying(rater)
    with session_scope(backend().engine) as session:
        offer = offering.offer_of_two(session, answer_id=AnswerId(answer_id), rater=rater, at=now())
    return _to(offer)


@blueprint.get("/comparisons/<uuid:offer_id>")
def page(offer_id: UUID) -> str:
    return _render(offer_id)


@blueprint.post("/comparisons/<uuid:offer_id>")
def choose(offer_id: UUID) -> AnyResponse:
    rater, at = require_rater(), now()
    try:
        with saying(rater, at) as session:
            choice, submission = (
                read_choice(typed_text(request.form, "choice")),
                read_submission(request.form),
            )
            persona = choosing.choose(
                session, offer_id, rater=rater, choice=choice, submission=submission, at=at
            )
    except (InvalidInput, FormOutdated, NotAgreed, TooOften) as problem:
        return refused(_render(offer_id, problem), problem)
    note(persona=persona)
    return _next(persona, rater, said=offer_id)


@blueprint.post("/comparisons/<uuid:offer_id>/undo")
def undo(offer_id: UUID) -> AnyResponse:
    rater = require_rater()
    chosen = read_undone(request.form)
    try:
        count_saying(rater)
        with session_scope(backend().engine) as session:
            persona = choosing.take_back(session, offer_id, rater=rater, chosen=chosen, at=now())
    except (TooLateToUndo, TooOften) as problem:
        return refused(_render(offer_id, problem), problem)
    note(persona=persona)
    return redirect(url_for("comparing.page", offer_id=offer_id, undone="yes"), 303)


def _next(slug: PersonaSlug, rater: RaterId, said: UUID | None = None) -> AnyResponse:
    """To two further answers; where there are none, to the page that says why, or to all personas where this
    one is not asked any more.
    """
    with session_scope(backend().engine) as session:
        persona = find_persona(session, slug)
        if persona.state == PersonaState.ARCHIVED:
            return redirect(url_for("comparing.of_any", said=said), 303)
        offer = offering.offer_comparison(session, persona=persona, rater=rater, at=now())
    if offer is None:
        return redirect(url_for("comparing.of_persona", slug=slug, said=said, none="yes"), 303)
    return _to(offer, said)


def _to(offer: UUID, said: UUID | None = None) -> AnyResponse:
    return redirect(url_for("comparing.page", offer_id=offer, said=said), 303)


def _waiting_or_form(slug: str) -> ResponseReturnValue:
    rater = current_rater()
    with session_scope(backend().engine) as session:
        persona = check_asked(find_persona(session, slug)) if slug else None
        waiting = offering.open_offer(session, rater=rater, persona=persona) if rater else None
    return _to(waiting, _said_before()) if waiting else _begin(slug)


def _begin(slug: str, problem: str = "") -> str:
    rater = current_rater()
    with session_scope(backend().engine) as session:
        rows = [find_persona(session, slug)] if slug else personas_by_slug(session, after="", limit=_LISTED)
        asked = offering.asked_today(session, rater=rater, at=now()) if rater else {}
        begun = [_beginning(row, asked.get(row.id, 0)) for row in rows]
        saved = _saved_before(session)
    return render_template(
        "compare_begin.html",
        slug=slug,
        begun=[one for one in begun if one.most or slug],
        nothing_left=request.args.get("none") == "yes",
        saved=saved,
        problem_text=problem,
    )


def _beginning(row: PersonaRow, asked: int) -> Beginning:
    most = ExamplePolicy(**row.example_policy).comparisons_asked
    return Beginning(row.slug, row.display_name, most, enough=asked >= most)


def _render(offer_id: UUID, problem: PersonaLoopError | None = None) -> str:
    settings = backend().settings
    names = names_of_bases(
        f"{'' if settings.embedded_base else settings.base_model} {settings.other_base_models}"
    )
    with session_scope(backend().engine) as session:
        rater = require_rater()
        offered = choosing.offered(session, offer_id, rater=rater, names=names)
        agreed = has_agreed(session, rater)
        saved = _saved_before(session)
    note(persona=offered.persona)
    return render_template(
        "compare.html",
        offered=offered,
        choices=CHOICES,
        mark=MARK,
        saved=saved,
        undone=request.args.get("undone") == "yes",
        agreed=agreed,
        problem_text=str(problem or ""),
    )


def _saved_before(session: Session) -> choosing.Chosen | None:
    """What the rater has just chosen of the offer before this one, as long as it counts."""
    offer, rater = _said_before(), current_rater()
    return choosing.chosen_of(session, offer, rater=rater, at=now()) if offer and rater else None


def _said_before() -> UUID | None:
    """The offer before this one, of which the rater has just said something."""
    try:
        return UUID(request.args.get("said", ""))
    except ValueError:
        return None
