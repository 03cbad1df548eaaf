"""One decision of the gate as a page, with its intervals as a drawing."""

from flask import Blueprint, Response, render_template, url_for

from feedback_app.backend import backend
from feedback_app.curators import current_curator
from feedback_app.drawings import NARROW, asked_width, drawing_response
from feedback_app.request_log import note
from services.db.session import session_scope
from services.evaluation.check_lines import intervals as drawn_intervals
from services.evaluation.report_page import DecisionPage, decision_page
from services.jobs.report_file import draw

blueprint = Blueprint("decisions", __name__, url_prefix="/decisions/<int:decision_id>")


@blueprint.get("")
def page(decision_id: int) -> str:
    found = _decision(decision_id)
    note(persona=found.persona)
    drawing = {
        "wide": url_for("decisions.intervals", decision_id=decision_id),
        "narrow": url_for("decisions.intervals", decision_id=decision_id, width=NARROW),
        "words": " ".join(one.sentence for one in drawn_intervals(found.checks)),
    }
    return render_template(
        "decision.html", page=found, link=url_for, drawn=drawing, texts=current_curator() is not None
    )


@blueprint.get("/intervals.svg")
def intervals(decision_id: int) -> Response:
    return drawing_response(draw(_decision(decision_id), width=asked_width()))


def _decision(decision_id: int) -> DecisionPage:
    with session_scope(backend().engine) as session:
        return decision_page(session, decision_id)
