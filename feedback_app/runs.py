"""Watching a persona learn: its training runs, and one with its curve, verdict, scores, plan and memory."""

from flask import Blueprint, Response, render_template, request
from sqlalchemy.orm import Session

from feedback_app.backend import backend, now
from feedback_app.drawings import NARROW, asked_width, drawing_response
from feedback_app.request_log import note
from feedback_app.sentences import gettext
from services.adapters.promotions import find_persona, version_by_number
from services.db.session import session_scope
from services.domain.training import RunState
from services.jobs.verdicts import Judged, judged
from services.training.loss_curve import loss_curve
from services.training.memory_chart import memory_chart
from services.training.watching import RunView, run_page, runs_of
from services.training_sets.skipping import skips_of

blueprint = Blueprint("runs", __name__)

NEWEST = 50
NEWEST_SKIPPED = 7
RENEWED_EVERY_S = 15


@blueprint.get("/p/<slug>/runs")
def of_persona(slug: str) -> str:
    note(persona=slug)
    with session_scope(backend().engine) as session:
        row = find_persona(session, slug)
        return render_template(
            "runs.html",
            persona=row.as_persona(),
            runs=runs_of(session, row, limit=NEWEST),
            newest=NEWEST,
            skipped=skips_of(session, row, limit=NEWEST_SKIPPED),
            newest_skipped=NEWEST_SKIPPED,
            at=now(),
        )


@blueprint.get("/runs/<int:run_id>")
def page(run_id: int) -> str:
    with session_scope(backend().engine) as session:
        run = run_page(session, run_id)
        note(persona=run.persona)
        runs = run.summary.state == RunState.RUNNING
        return render_template(
            "run.html",
            run=run,
            judged=_judged(session, run),
            runs=runs,
            renewed_every=RENEWED_EVERY_S if runs and "still" not in request.args else None,
            narrow=NARROW,
            at=now(),
        )


def _judged(session: Session, run: RunView) -> Judged | None:
    """What the gate said of the version that came of a run; None as long as none did."""
    if run.summary.version is None:
        return None
    version = version_by_number(session, find_persona(session, run.persona), run.summary.version)
    return judged(session, version, notes=backend().notes.on)


@blueprint.get("/runs/<int:run_id>/loss.svg")
def loss_drawing(run_id: int) -> Response:
    run = _run(run_id)
    return drawing_response(
        loss_curve(
            run.panels, title=gettext("Loss of training run %(number)s", number=run_id), width=asked_width()
        )
    )


@blueprint.get("/runs/<int:run_id>/memory.svg")
def memory_drawing(run_id: int) -> Response:
    run = _run(run_id)
    return drawing_response(
        memory_chart(
            run.memory, title=gettext("Memory of training run %(number)s", number=run_id), width=asked_width()
        )
    )


def _run(run_id: int) -> RunView:
    with session_scope(backend().engine) as session:
        return run_page(session, run_id)
