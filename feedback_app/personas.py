"""Choosing a persona and asking it. What is said of an answer afterwards is `answers`."""

from functools import partial

from flask import Blueprint, render_template, request
from werkzeug.wrappers import Response

from feedback_app.asking import REFUSALS, lead_to_answer
from feedback_app.backend import backend, now
from feedback_app.error_pages import refused
from feedback_app.forms import AskForm, read_submission
from feedback_app.raters import current_rater, rater_for_asking
from feedback_app.request_log import note
from feedback_app.wording import known_questions
from services.adapters.promotions import find_persona, who_serves
from services.db.session import session_scope
from services.domain.conversation import check_question
from services.domain.personas import AUDIENCES, PersonaSlug
from services.errors.inputs import EmptyText, ForbiddenCharacter, TextTooLong
from services.errors.tree import PersonaLoopError
from services.feedback import queries
from services.feedback.personas import check_asked
from services.feedback.routes import routes_of
from services.jobs.ask import ask as ask_persona

blueprint = Blueprint("personas", __name__)


@blueprint.get("/")
def choose() -> str:
    with session_scope(backend().engine) as session:
        personas = queries.list_personas(session)
    return render_template("personas.html", personas=personas)


@blueprint.get("/p/<slug>")
def page(slug: str) -> str:
    return _render(slug, AskForm.read(request.args))


@blueprint.post("/p/<slug>/ask")
def ask(slug: str) -> Response:
    form = AskForm.read(request.form)
    note(persona=slug)
    try:
        question, submission = check_question(form.as_question()), read_submission(request.form)
        known = current_rater()
        with session_scope(backend().engine) as session:
            find_persona(session, slug)
            rater = rater_for_asking(session, known)
        asking = partial(
            ask_persona,
            backend().engine,
            backend().generator,
            persona_slug=slug,
            rater=rater,
            question=question,
            answer_format=form.answer_format(),
            submission=submission,
            at=now(),
        )
        return lead_to_answer(asking, rater=rater, persona=PersonaSlug(slug), submission=submission)
    except REFUSALS as problem:
        return refused(_render(slug, form, problem), problem)


def _render(slug: str, form: AskForm, problem: PersonaLoopError | None = None) -> str:
    with session_scope(backend().engine) as session:
        row = check_asked(find_persona(session, slug))
        persona, version = row.as_persona(), who_serves(session, row).number
        targets = routes_of(session, row)
        routes = {wanted: target.as_persona() for wanted, target in targets.items()}
        labels = queries.labels(session, targets.values())
    note(persona=slug, version=version)
    return render_template(
        "persona.html",
        persona=persona,
        version=version,
        form=form,
        routes=routes,
        labels=labels,
        known_questions=known_questions() if backend().settings.embedded_base else (),
        audiences=AUDIENCES,
        sentence=str(problem) if problem else "",
        wrong_field=_field_of(problem),
    )


def _field_of(problem: PersonaLoopError | None) -> str:
    """The form field that the problem is about; empty when it is about none."""
    if isinstance(problem, (EmptyText, TextTooLong, ForbiddenCharacter)):
        return problem.field
    return ""
