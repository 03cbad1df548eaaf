"""One decision of the gate as a page, with its intervals as a drawing and the form to approve it."""

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from feedback_app.backend import backend, now
from feedback_app.drawings import NARROW, asked_width, drawing_response
from feedback_app.error_pages import refused
from feedback_app.forms import typed_text
from feedback_app.request_log import note
from feedback_app.signing_in import current_member, require
from services.accounts import audit
from services.db.lineage_tables import GateDecisionRow
from services.db.session import session_scope
from services.domain.roles import Role
from services.errors.tree import InvalidInput
from services.evaluation.check_lines import intervals as drawn_intervals
from services.evaluation.report_page import changed_answers, checks_of, decision_page
from services.jobs.approve import approve_in
from services.jobs.report_file import draw

blueprint = Blueprint("decisions", __name__, url_prefix="/decisions/<int:decision_id>")


@blueprint.get("")
def page(decision_id: int) -> str:
    return _render(decision_id)


@blueprint.post("/approve")
def approve(decision_id: int) -> AnyResponse:
    promoter, reason = require(Role.PROMOTER), typed_text(request.form, "reason")
    try:
        with session_scope(backend().engine) as session:
            at = now()
            approved = approve_in(session, decision_id, reason, promoter.actor, at=at)
            if approved["at"] == at.isoformat():  # else it was approved before
                told = {"decision": decision_id, "reason": approved["reason"]}
                slug = session.get_one(GateDecisionRow, decision_id).candidate_report.version.persona.slug
                audit.record(session, "approve", slug, actor=promoter.actor, at=at, details=told)
    except InvalidInput as problem:
        return refused(_render(decision_id, reason, problem), problem)
    return redirect(url_for("decisions.page", decision_id=decision_id), 303)


@blueprint.get("/intervals.svg")
def intervals(decision_id: int) -> Response:
    with session_scope(backend().engine) as session:
        checks = checks_of(session, decision_id)
    return drawing_response(draw(decision_id, checks, width=asked_width()))


def _render(decision_id: int, reason: str = "", problem: InvalidInput | None = None) -> str:
    reader = current_member()
    reads_all = reader is not None and reader.role.covers(Role.CURATOR)
    with session_scope(backend().engine) as session:
        found = decision_page(session, decision_id, at=now(), notes=backend().notes.on)
        answers = changed_answers(session, decision_id) if reads_all else None
    note(persona=found.persona)
    drawing = {
        "wide": url_for("decisions.intervals", decision_id=decision_id),
        "narrow": url_for("decisions.intervals", decision_id=decision_id, width=NARROW),
        "words": " ".join(one.sentence for one in drawn_intervals(found.checks)),
    }
    return render_template(
        "decision.html",
        page=found,
        link=url_for,
        drawn=drawing,
        answers=answers,
        reason=reason,
        problem_text=str(problem) if problem else "",
    )
