"""What a rater asked and said, newest first. One's own only."""

from flask import Blueprint, render_template

from feedback_app.backend import backend
from feedback_app.raters import current_rater
from services.db.session import session_scope
from services.domain.feedback import AnswerId
from services.feedback import queries
from services.feedback.shipped import shipped_in

blueprint = Blueprint("history", __name__)

NEWEST = 50


@blueprint.get("/history")
def page() -> str:
    rater = current_rater()
    entries: list[queries.AnswerView] = []
    shipped: dict[AnswerId, int] = {}
    if rater is not None:
        with session_scope(backend().engine) as session:
            entries = queries.history(session, rater=rater, limit=NEWEST)
            shipped = shipped_in(session, rater=rater, answers=[one.id for one in entries if one.correction])
    return render_template("history.html", entries=entries, newest=NEWEST, shipped=shipped)
