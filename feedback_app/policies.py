"""The page on which a curator changes the rules of a persona that people change most."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from feedback_app.backend import backend, now
from feedback_app.error_pages import refused
from feedback_app.policy_fields import COUNTS, PolicyFields
from feedback_app.request_log import note
from feedback_app.signing_in import needs, require
from services.accounts import audit
from services.adapters.promotions import find_persona, lock_persona
from services.db.session import session_scope
from services.domain.roles import Role
from services.errors.tree import InvalidInput
from services.feedback.personas import change_policies

blueprint = Blueprint("policies", __name__, url_prefix="/p/<slug>/curate/policy")


@blueprint.get("")
@needs(Role.CURATOR)
def page(slug: str) -> ResponseReturnValue:
    return _render(slug)


@blueprint.post("")
def change(slug: str) -> Response:
    """Whether what passed needs an approval is for who may give one."""
    curator, rules = require(Role.CURATOR), PolicyFields.read(request.form)
    note(persona=slug)
    try:
        with session_scope(backend().engine) as session:
            row = lock_persona(session, slug)
            told = rules.told(PolicyFields.of(row))
            if "approval" in told:
                require(Role.PROMOTER)
            change_policies(row, rules.changed(row))
            if told:
                audit.record(
                    session, audit.CHANGED_POLICIES, slug, actor=curator.actor, at=now(), details=told
                )
    except InvalidInput as problem:
        return refused(_render(slug, rules, problem), problem)
    return redirect(url_for("curating.page", slug=slug), 303)


def _render(slug: str, typed: PolicyFields | None = None, problem: InvalidInput | None = None) -> str:
    with session_scope(backend().engine) as session:
        row = find_persona(session, slug)
        persona, rules = row.as_persona(), typed or PolicyFields.of(row)
    return render_template(
        "policy.html",
        persona=persona,
        rules=rules,
        counts=COUNTS,
        problems=rules.problems(),
        problem_text=str(problem or ""),
    )
