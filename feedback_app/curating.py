"""The pages of personas for their curators: what serves and why, what the nights did, and the buttons.

Every act is recorded in the audit log under the account of whoever did it, in the act's own transaction.
"""

import re
from functools import partial
from uuid import UUID

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response as AnyResponse

from feedback_app.backend import backend, now
from feedback_app.drawings import NARROW, asked_width, drawing_response
from feedback_app.error_pages import refused
from feedback_app.forms import read_submission, typed_text
from feedback_app.request_log import note
from feedback_app.sentences import gettext
from feedback_app.signing_in import needs, require
from services.accounts import audit
from services.adapters.promotions import find_persona, lock_persona
from services.db.session import session_scope
from services.domain.personas import PersonaState, parse_slug
from services.domain.roles import Role
from services.errors.refusals import TrainingUnderWay
from services.errors.tree import InvalidInput, PersonaLoopError, Refused, Unavailable
from services.evaluation.metric_chart import metric_chart
from services.feedback.canary_chart import canary_chart
from services.feedback.personas import change_state
from services.feedback.rating_chart import rating_chart
from services.feedback.review_queue import COUNTED, count_waiting
from services.jobs import curating
from services.jobs.canaries import canary_in
from services.jobs.retrain import ACT, retrain_on_news, run_address
from services.jobs.rollback import rollback_in

blueprint = Blueprint("curating", __name__)

STATE_ACTS = {
    PersonaState.ACTIVE: "let go on",
    PersonaState.PAUSED: "pause",
    PersonaState.ARCHIVED: "archive",
}


@blueprint.get("/curate")
@needs(Role.CURATOR)
def overview() -> ResponseReturnValue:
    with session_scope(backend().engine) as session:
        return render_template("curated.html", personas=curating.personas_of(session))


@blueprint.get("/p/<slug>/curate")
@needs(Role.CURATOR)
def page(slug: str) -> ResponseReturnValue:
    return render(slug)


@blueprint.post("/p/<slug>/curate/retrain")
def start_training(slug: str) -> AnyResponse:
    curator = require(Role.CURATOR)
    try:
        submission: UUID = read_submission(request.form)
        run = retrain_on_news(
            backend().engine, backend().settings, slug, submission=submission, actor=curator.actor
        )
    except (InvalidInput, Refused, Unavailable) as problem:
        return refused(render(slug, "retrain", problem), problem)
    flash(run, ACT)
    return _back(slug)


@blueprint.post("/p/<slug>/curate/move")
def move(slug: str) -> AnyResponse:
    promoter, reason = require(Role.PROMOTER), typed_text(request.form, "reason")
    try:
        version = _read_version(typed_text(request.form, "version"))
        with session_scope(backend().engine) as session:
            done = rollback_in(session, parse_slug(slug), version, reason, promoter.actor, at=now())
            told = {"version": version, "promotion": done["promotion_id"], "reason": reason}
            audit.record(session, done["kind"], slug, actor=promoter.actor, at=now(), details=told)
    except (InvalidInput, Refused) as problem:
        return refused(render(slug, "move", problem, reason), problem)
    return _back(slug)


@blueprint.post("/p/<slug>/curate/state")
def state(slug: str) -> AnyResponse:
    curator, reason = require(Role.CURATOR), typed_text(request.form, "reason")
    try:
        wanted = _read_state(typed_text(request.form, "state"))
        with session_scope(backend().engine) as session:
            row = lock_persona(session, slug)
            change_state(row, wanted, reason=reason, at=now())
            told = {"reason": row.state_reason}
            audit.record(session, STATE_ACTS[wanted], slug, actor=curator.actor, at=now(), details=told)
    except InvalidInput as problem:
        return refused(render(slug, "state", problem, reason), problem)
    return _back(slug)


@blueprint.get("/p/<slug>/curate/metrics.svg")
@needs(Role.CURATOR)
def metrics_drawing(slug: str) -> Response:
    with session_scope(backend().engine) as session:
        courses = curating.courses_of(session, find_persona(session, slug))
    return drawing_response(
        metric_chart(courses, title=gettext("Metrics of %(persona)s", persona=slug), width=asked_width())
    )


@blueprint.get("/p/<slug>/curate/ratings.svg")
@needs(Role.CURATOR)
def ratings_drawing(slug: str) -> Response:
    with session_scope(backend().engine) as session:
        row = find_persona(session, slug)
        days = curating.rated_days(session, row, at=now(), kept=backend().rated_days)
    return drawing_response(
        rating_chart(days, title=gettext("Ratings of %(persona)s per day", persona=slug), width=asked_width())
    )


@blueprint.get("/p/<slug>/curate/canary.svg")
@needs(Role.CURATOR)
def canary_drawing(slug: str) -> Response:
    """Raises NoCanary where none is open."""
    with session_scope(backend().engine) as session:
        said = canary_in(session, slug, at=now())["sentence"]
        looks, policy = curating.looks_of(session, find_persona(session, slug))
    title = gettext("What the ratings say of the canary of %(persona)s", persona=slug)
    return drawing_response(
        canary_chart(looks, margin=policy.margin, title=title, said=said, width=asked_width())
    )


def _back(slug: str) -> AnyResponse:
    return redirect(url_for("curating.page", slug=slug), 303)


def render(slug: str, section: str = "", problem: PersonaLoopError | None = None, reason: str = "") -> str:
    note(persona=slug)
    with session_scope(backend().engine) as session:
        return render_template(
            "curate.html",
            page=curating.curated(session, slug, at=now()),
            waiting=count_waiting(session, find_persona(session, slug)),
            counted=COUNTED,
            newest=curating.NEWEST,
            days=curating.DAYS,
            narrow=NARROW,
            section=section,
            problem_text=str(problem or ""),
            reason=reason,
            retrained=ACT,
            run_address=partial(run_address, backend().settings),
            under_way=problem if isinstance(problem, TrainingUnderWay) else None,
        )


def _read_version(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise InvalidInput(gettext("No version was chosen: choose the one that is to serve."))
    return int(text)


def _read_state(word: str) -> PersonaState:
    try:
        return PersonaState(word)
    except ValueError as error:
        raise InvalidInput(gettext("There is no such state: use the buttons of the page.")) from error
