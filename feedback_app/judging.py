"""Judging blind: a curator sees two answers to a held-out question and says which is better, time after time.

Nothing on the page, in its address or in its form tells which version stands on which side.
"""

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from feedback_app.backend import backend, now
from feedback_app.choices import CHOICES, read_choice
from feedback_app.forms import typed_text
from feedback_app.signing_in import needs, require
from services.db.lineage_tables import GateDecisionRow
from services.db.session import session_scope
from services.domain.roles import Role
from services.errors.lookups import UnknownRecord
from services.evaluation import judging

blueprint = Blueprint("judging", __name__)


@blueprint.get("/decisions/<int:decision_id>/judge")
def of_decision(decision_id: int) -> Response:
    with session_scope(backend().engine) as session:
        decision = session.get(GateDecisionRow, decision_id)
        if decision is None:
            raise UnknownRecord("gate decision", decision_id)
        candidate, champion = decision.candidate_report_id, decision.champion_report_id
    return redirect(url_for("judging.page", candidate=candidate, champion=champion), 303)


@blueprint.get("/judge/<int:candidate>/<int:champion>")
@needs(Role.CURATOR)
def page(candidate: int, champion: int) -> ResponseReturnValue:
    judge = require(Role.CURATOR).name
    with session_scope(backend().engine) as session:
        between = judging.contest(session, candidate_report=candidate, champion_report=champion)
        persona = between.candidate.version.persona.as_persona()
        turn = judging.next_turn(session, between, judge=judge)
    return render_template(
        "judge.html", turn=turn, persona=persona, choices=CHOICES, candidate=candidate, champion=champion
    )


@blueprint.post("/judge/<int:candidate>/<int:champion>")
def judge(candidate: int, champion: int) -> Response:
    curator = require(Role.CURATOR).name
    choice = read_choice(typed_text(request.form, "choice"))
    with session_scope(backend().engine) as session:
        judging.judge_item(
            session,
            judging.contest(session, candidate_report=candidate, champion_report=champion),
            key=typed_text(request.form, "item"),
            judge=curator,
            choice=choice,
            at=now(),
        )
    return redirect(url_for("judging.page", candidate=candidate, champion=champion), 303)
