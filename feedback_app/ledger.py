"""A persona's ledger: who served when, why and by whom; what was live at an instant; what that rests on."""

from datetime import UTC, datetime
from http import HTTPStatus

from flask import Blueprint, Response, make_response, render_template, request

from feedback_app.backend import backend, now
from feedback_app.request_log import note
from feedback_app.sentences import lazy_gettext
from services.adapters.promotions import find_persona
from services.db.session import session_scope
from services.errors.lookups import NotYetThere
from services.jobs.canaries import canary_in
from services.jobs.live import live_at, why_live
from services.jobs.status import ledger_rows
from services.training.watching import portable_recipe

blueprint = Blueprint("ledger", __name__, url_prefix="/p/<slug>")

NEWEST = 100
NO_INSTANT = lazy_gettext("That is no moment in the past: write one as 2026-11-20T02:00, in UTC.")


@blueprint.get("/ledger")
def of_persona(slug: str) -> Response:
    note(persona=slug)
    asked = request.args.get("at", "").strip()
    instant = _instant(asked)
    problem = str(NO_INSTANT) if asked and instant is None else ""
    with session_scope(backend().engine) as session:
        persona = find_persona(session, slug)
        try:
            live = live_at(session, slug, instant or now())
        except NotYetThere as early:
            instant, problem, live = None, str(early), live_at(session, slug, now())
        page = render_template(
            "ledger.html",
            persona=persona.as_persona(),
            rows=ledger_rows(session, persona, limit=NEWEST),
            newest=NEWEST,
            live=live,
            problem_text=problem,
            instant=instant,
        )
    return make_response(page, HTTPStatus.BAD_REQUEST if problem else HTTPStatus.OK)


@blueprint.get("/live")
def live(slug: str) -> str:
    note(persona=slug)
    with session_scope(backend().engine) as session:
        persona = find_persona(session, slug).as_persona()
        found = why_live(session, slug)
        heard = canary_in(session, slug, at=now()) if found["canary"] else None
    for placed in filter(None, (found, found["canary"])):
        if placed["learnt"]:
            placed["learnt"]["recipe"] = portable_recipe(placed["learnt"]["recipe"])
    return render_template("live.html", persona=persona, live=found, heard=heard)


def _instant(text: str) -> datetime | None:
    """As UTC, in which it is unless it says otherwise; None for none, one to come, or none given."""
    try:
        given = datetime.fromisoformat(text)
        instant = given.astimezone(UTC) if given.tzinfo else given.replace(tzinfo=UTC)
        return instant if instant <= now() else None
    except (ValueError, OverflowError):  # within an offset of the first or the last year there is no UTC
        return None
