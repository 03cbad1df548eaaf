"""The review queue: feedback that is flagged, disputed or quarantined, one reviewer at a time.

Opening an answer takes a lock on it, each act renews it, and leaving gives it back; every decision is in the
audit log, without the words it is about and without its reason, which an erasure must be able to take away.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from feedback_app.backend import backend, now
from feedback_app.error_pages import refused
from feedback_app.forms import read_submission, typed_text
from feedback_app.request_log import note
from feedback_app.sentences import gettext
from feedback_app.signing_in import Member, needs, require
from services.accounts import audit
from services.adapters.promotions import find_persona
from services.db.session import session_scope
from services.domain.feedback import AnswerId
from services.domain.reviews import ReviewVerdict, Source
from services.domain.roles import Role
from services.errors.lookups import UnknownPage
from services.errors.tree import InvalidInput, PersonaLoopError, Refused
from services.feedback import review_locks
from services.feedback.review_item import item
from services.feedback.review_locks import Reviewer
from services.feedback.review_queue import PAGE, waiting
from services.feedback.reviewing import Decision, decide

blueprint = Blueprint("reviewing", __name__, url_prefix="/p/<slug>/review")

ACTS = {
    ReviewVerdict.AGREED: "agree with feedback",
    ReviewVerdict.OVERRULED: "overrule feedback",
    ReviewVerdict.BANNED: "ban a rater",
    ReviewVerdict.RESTORED: "restore feedback",
}


@blueprint.get("")
@needs(Role.CURATOR)
def queue(slug: str) -> ResponseReturnValue:
    note(persona=slug)
    with session_scope(backend().engine) as session:
        persona = find_persona(session, slug)
        found = waiting(session, persona, at=now(), after=_after(), limit=PAGE + 1)
        return render_template(
            "review.html",
            persona=persona,
            waiting=found[:PAGE],
            more=found[PAGE - 1] if len(found) > PAGE else None,
        )


@blueprint.get("/<uuid:answer_id>")
@needs(Role.CURATOR)
def page(slug: str, answer_id: UUID) -> ResponseReturnValue:
    return _render(slug, answer_id)


@blueprint.post("/<uuid:answer_id>/take")
def take(slug: str, answer_id: UUID) -> Response:
    return _act(slug, answer_id, lambda session, me, at: review_locks.take(session, *me, at=at))


@blueprint.post("/<uuid:answer_id>/leave")
def leave(slug: str, answer_id: UUID) -> Response:
    reviewer = _reviewer(require(Role.CURATOR))
    with session_scope(backend().engine) as session:
        review_locks.leave(session, AnswerId(answer_id), reviewer)
    return redirect(url_for("reviewing.queue", slug=slug), 303)


@blueprint.post("/<uuid:answer_id>/decide")
def decide_on(slug: str, answer_id: UUID) -> Response:
    member = require(Role.CURATOR)

    def deciding(session: Session, me: tuple[AnswerId, Reviewer], at: datetime) -> None:
        decision = _read_decision()
        row = decide(session, me[0], decision, reviewer=me[1], rater=member.rater, at=at)
        if row is not None:  # else the same form had decided before
            told = {"of": decision.source.name, "review": row.id}
            audit.record(session, ACTS[decision.verdict], slug, actor=member.actor, at=at, details=told)

    return _act(slug, answer_id, deciding)


def _act(
    slug: str,
    answer_id: UUID,
    act: Callable[[Session, tuple[AnswerId, Reviewer], datetime], None],
) -> Response:
    """Do it in one transaction and show the answer again, or why not beside it."""
    reviewer = _reviewer(require(Role.CURATOR))
    try:
        with session_scope(backend().engine) as session:
            item(session, find_persona(session, slug), AnswerId(answer_id), at=now())
            act(session, (AnswerId(answer_id), reviewer), now())
    except (InvalidInput, Refused) as problem:
        return refused(_render(slug, answer_id, problem), problem)
    return redirect(url_for("reviewing.page", slug=slug, answer_id=answer_id), 303)


def _render(slug: str, answer_id: UUID, problem: PersonaLoopError | None = None) -> str:
    note(persona=slug, answer=answer_id)
    member = require(Role.CURATOR)
    with session_scope(backend().engine) as session:
        persona = find_persona(session, slug)
        found = item(session, persona, AnswerId(answer_id), at=now())
        return render_template(
            "review_item.html",
            persona=persona,
            item=found,
            mine=found.lock is not None and found.lock.account_id == member.account_id,
            own=member.rater,
            problem_text=str(problem or ""),
        )


def _reviewer(member: Member) -> Reviewer:
    return Reviewer(member.account_id, member.actor)


def _read_decision() -> Decision:
    source = Source.parse(typed_text(request.form, "of"))
    try:
        verdict = ReviewVerdict(typed_text(request.form, "verdict"))
    except ValueError as error:
        raise InvalidInput(gettext("Nothing was decided: use one of the buttons of the page.")) from error
    if source is None:
        raise InvalidInput(gettext("Nothing was decided: the form names nothing that was said."))
    return Decision(source, verdict, typed_text(request.form, "reason"), read_submission(request.form))


def _after() -> tuple[datetime, UUID] | None:
    """Where the page before ended, as its link says; UnknownPage for what no link says."""
    since, _, answer = request.args.get("after", "").partition("_")
    if not since:
        return None
    try:
        at = datetime.fromisoformat(since)
        found = at.astimezone(UTC), UUID(answer)
    except (ValueError, OverflowError) as error:
        raise UnknownPage from error
    if at.tzinfo is None:
        raise UnknownPage
    return found
