"""What is kept of whoever looks: shown, taken along, deleted for good."""

import json
from collections.abc import Callable

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from feedback_app.backend import backend, now
from feedback_app.error_pages import refused
from feedback_app.raters import current_rater, forget, require_rater
from feedback_app.sentences import gettext, ngettext
from feedback_app.signing_in import leave
from services.adapters.file_store import FileAdapterStore
from services.db.session import session_scope
from services.errors.tree import InvalidInput
from services.feedback.own_data import own_counts, own_data
from services.jobs.installation import Installation
from services.jobs.own_erasure import erase_own

blueprint = Blueprint("own_data", __name__, url_prefix="/your-data")


_COUNTED: dict[str, Callable[[int], str]] = {  # what is kept of a rater, by the name it is exported under
    "questions": lambda count: ngettext("%(num)d question", "%(num)d questions", count),
    "ratings": lambda count: ngettext("%(num)d rating", "%(num)d ratings", count),
    "corrections": lambda count: ngettext("%(num)d correction", "%(num)d corrections", count),
    "comments": lambda count: ngettext("%(num)d comment", "%(num)d comments", count),
    "comparisons": lambda count: ngettext("%(num)d comparison", "%(num)d comparisons", count),
    "offers": lambda count: ngettext("%(num)d pair to compare", "%(num)d pairs to compare", count),
    "agreements": lambda count: ngettext("%(num)d agreement", "%(num)d agreements", count),
}


def counted(name: str, count: int) -> str:
    return _COUNTED[name](count)


@blueprint.get("")
def page() -> str:
    return _render()


@blueprint.get("/export")
def export() -> Response:
    with session_scope(backend().engine) as session:
        told = own_data(session, require_rater(), at=now())
    content = json.dumps(told, ensure_ascii=False, indent=1)
    response = Response(content, content_type="application/json; charset=utf-8")
    response.headers["Content-Disposition"] = "attachment; filename=my-data.json"
    return response


@blueprint.post("/delete")
def delete() -> AnyResponse:
    rater = require_rater()
    if request.form.get("sure") != "yes":
        problem = InvalidInput(
            gettext("Nothing was deleted: tick the box if you mean it, and send it again.")
        )
        return refused(_render(problem), problem)
    erased = erase_own(_installation(), str(rater))
    leave()
    deleted = "replacing" if erased["tainted"] else "yes"
    return forget(redirect(url_for("own_data.page", deleted=deleted), 303))


def _installation() -> Installation:
    store = FileAdapterStore(backend().settings.store_url)
    return Installation(backend().settings, backend().engine, store, backend().generator)


def _render(problem: InvalidInput | None = None) -> str:
    rater = current_rater()
    counts: dict[str, int] = {}
    if rater is not None:
        with session_scope(backend().engine) as session:
            counts = own_counts(session, rater, at=now())
    return render_template(
        "own_data.html",
        counts=[counted(name, count) for name, count in counts.items() if count],
        deleted=request.args.get("deleted", ""),
        problem_text=str(problem or ""),
    )
