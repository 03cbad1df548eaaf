"""Asking a persona in the name of an end user, and reading what they were answered."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from http import HTTPStatus
from uuid import UUID

from flask import Response
from sqlalchemy.orm import Session

from feedback_app.api.calls import Call, as_json, begin, holding, read_body, read_headers, read_query
from feedback_app.api.fields import Acting, Body, Context, Keyed, Label, NoQuery, QuestionText, Shown
from feedback_app.api.operations import Operation, listing, reading, register
from feedback_app.api.pages import Page, Place
from feedback_app.api.problems import problem_of
from feedback_app.backend import backend
from feedback_app.limits import count_asked
from feedback_app.request_log import note
from feedback_app.streaming import Event, Telling, is_wanted, stream
from services.accounts.end_users import ensure_end_user
from services.adapters.promotions import find_persona
from services.db.session import session_scope
from services.domain.conversation import Question
from services.domain.feedback import AnswerId, RaterId
from services.domain.personas import DEFAULT_AUDIENCE, DEFAULT_DOMAIN
from services.domain.scopes import Scope
from services.errors.tree import PersonaLoopError
from services.feedback.conversations import place_of
from services.feedback.personas import check_asked
from services.feedback.queries import AnswerView, answer_page, history
from services.jobs import conversation
from services.jobs.ask import ask as ask_persona
from services.serving.answering import Listener


class Asked(Body):
    """`audience` is whom the answer is for, `domain` what it is about, `context` what it is to go by."""

    question: QuestionText
    context: Context = ""
    domain: Label = DEFAULT_DOMAIN
    audience: Label = DEFAULT_AUDIENCE


class AskedOn(Body):
    """The next question of a conversation, which keeps its audience and its domain."""

    question: QuestionText


class AnswerShown(Shown):
    """`version` is null while it is on trial, so that nobody's rating goes by it; `valid` says whether the
    answer is in its persona's format, null where that is not looked at.
    """

    id: UUID
    persona: str
    question: str
    context: str
    domain: str
    audience: str
    text: str
    version: int | None
    valid: bool | None
    asked_at: datetime


@listing("/answers", scope=Scope.ANSWERS, shows=Page[AnswerShown], headers=Acting)
def list_answers(session: Session, call: Call, place: Place) -> Page[AnswerShown]:
    """What an end user was answered, the newest first."""
    after = AnswerId(UUID(place.after)) if place.after else None
    rows = history(session, rater=call.rater, limit=place.wanted, after=after)
    return place.page(rows, shown, named=lambda one: one.id)


@reading("/answers/<uuid:answer_id>", scope=Scope.ANSWERS, shows=AnswerShown, headers=Acting)
def get_answer(session: Session, call: Call, answer_id: UUID) -> AnswerShown:
    """One answer to an end user."""
    return shown(answer_page(session, answer_id=AnswerId(answer_id), rater=call.rater))


def ask(slug: str) -> Response:
    """Ask a persona; the answer comes whole, or, where events are accepted, as it is written."""
    call = begin(Scope.ANSWERS)
    headers, _, asked = read_headers(Keyed), read_query(NoQuery), read_body(Asked)
    with session_scope(backend().engine) as session:
        check_asked(find_persona(session, slug))
        rater = ensure_end_user(session, call.client.id, headers.end_user, at=call.at)
    asking = partial(ask_persona, persona_slug=slug, question=_question(asked))
    return _answered(call, headers, asked, asking, rater=rater, persona=slug)


def ask_on(answer_id: UUID) -> Response:
    """Ask on from an answer, of the persona that gave it: what was said until then goes along as context."""
    call = begin(Scope.ANSWERS)
    headers, _, asked = read_headers(Keyed), read_query(NoQuery), read_body(AskedOn)
    with session_scope(backend().engine) as session:
        persona = place_of(session, AnswerId(answer_id), rater=call.rater).persona
    asking = partial(conversation.ask_on, answer_id=AnswerId(answer_id), text=asked.question)
    return _answered(call, headers, asked, asking, rater=call.rater, persona=persona)


def _answered(
    call: Call, headers: Keyed, asked: Body, asking: Callable[..., AnswerId], *, rater: RaterId, persona: str
) -> Response:
    """What `asking` led to, once for each key: whole, or as it is written."""
    count_asked(rater, persona)
    note(persona=persona)
    here, hold = backend(), holding(call, headers, asked, rater=rater)
    with session_scope(here.engine) as session:
        row = hold(session)

    def write(*, listener: Listener | None) -> str:
        """Nothing is held while a model writes: two at once have one question, and one answer that counts."""
        if row.answer is not None:
            return row.answer
        said = {"rater": rater, "submission": row.submission, "listener": listener, "at": call.at}
        answer_id = asking(here.engine, here.generator, **said)
        with session_scope(here.engine) as session:
            kept = hold(session)
            if kept.answer is None:
                view = answer_page(session, answer_id=answer_id, rater=rater)
                kept.answer = shown(view).model_dump_json()
            return kept.answer

    with ExitStack() as under_way:
        if row.answer is None:
            under_way.enter_context(here.asks.one_more(rater))
        if is_wanted():
            telling = Telling(here.engine, row.submission, since=call.at)
            return stream(telling, write, under_way.pop_all(), _told)
        answer = write(listener=None)
    note(answer=json.loads(answer)["id"])
    return as_json(answer, HTTPStatus.CREATED)


def _told(event: Event) -> Event:
    """The answer, as a whole one would come, or the problem."""
    match event:
        case ("done", str() as answer):
            return "done", json.loads(answer)
        case (_, PersonaLoopError() as error):
            problem = problem_of(error)
            return "refused", problem and problem.model_dump()
    return "refused", None


for _path, _view, _body in (
    ("/personas/<slug>/answers", ask, Asked),
    ("/answers/<uuid:answer_id>/answers", ask_on, AskedOn),
):
    register(
        Operation(
            "POST",
            _path,
            _view.__name__,
            (_view.__doc__ or ""),
            Scope.ANSWERS,
            AnswerShown,
            status=HTTPStatus.CREATED,
            headers=Keyed,
            body=_body,
            streams=True,
        ),
        _view,
    )


def shown(view: AnswerView) -> AnswerShown:
    return AnswerShown(
        id=view.id,
        persona=view.persona,
        question=view.question.text,
        context=view.question.context,
        domain=view.question.domain,
        audience=view.question.audience,
        text=view.text,
        version=None if view.blind else view.version,
        valid=view.valid,
        asked_at=view.asked_at,
    )


def _question(asked: Asked) -> Question:
    return Question(text=asked.question, domain=asked.domain, audience=asked.audience, context=asked.context)
