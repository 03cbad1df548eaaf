"""A new persona by form: what it would be asked is shown first, then it is created, and trained if wanted."""

import json
from dataclasses import dataclass, field, replace
from typing import Any

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response

from feedback_app import curating
from feedback_app.backend import backend, now
from feedback_app.error_pages import refused
from feedback_app.forms import Fields, read_submission, typed_text
from feedback_app.policy_fields import COUNTS, PolicyFields
from feedback_app.request_log import note
from feedback_app.sentences import gettext
from feedback_app.signing_in import needs, require
from services.accounts import audit
from services.adapters.lending import find_lent, live_versions
from services.db.session import session_scope
from services.domain.answer_formats import AnswerFormat
from services.domain.conversation import Message
from services.domain.example_policy import Start
from services.domain.personas import DEFAULT_SYSTEM_TEMPLATE
from services.domain.roles import Role
from services.errors.inputs import InvalidPolicy
from services.errors.tree import InvalidInput, PersonaLoopError, Refused, Unavailable
from services.feedback.personas import NAME_LIMIT, TEMPLATE_LIMIT, PersonaPlan
from services.jobs.new_persona import EXAMPLE, Seeds, create_in, prompt_of, read_seeds, text_of_upload
from services.jobs.personas import plan_of
from services.jobs.retrain import retrain

blueprint = Blueprint("new_persona", __name__, url_prefix="/curate/new")

SHOWN = 20  # of the lines that cannot be used
_TEXTS = (
    *("slug", "name", "template", "markers", "format", "word_limit"),
    *("start", "begins_with", "policy", "seeds"),
)


@dataclass(frozen=True, slots=True)
class PersonaForm:
    """As typed; `seeds` is the text of the uploaded file where there is one.

    `begins_with` names the version of another persona whose adapter its first training begins with.
    """

    slug: str = ""
    name: str = ""
    template: str = DEFAULT_SYSTEM_TEMPLATE
    markers: str = ""
    format: str = AnswerFormat.FREE_TEXT
    word_limit: str = "0"
    start: str = Start.BASE
    policy: str = ""
    begins_with: str = ""
    seeds: str = ""
    rules: PolicyFields = field(default_factory=PolicyFields)
    train: bool = False

    @classmethod
    def read(cls, fields: Fields) -> "PersonaForm":
        texts = {name: typed_text(fields, name) for name in _TEXTS}
        return cls(**texts, rules=PolicyFields.read(fields), train="train" in fields)

    def with_upload(self, file: FileStorage | None) -> "PersonaForm":
        """The file takes the place of what was pasted. Raises InvalidInput."""
        data = file.read() if file else b""
        return replace(self, seeds=text_of_upload(data)) if data else self

    def plan(self) -> PersonaPlan:
        """Raises InvalidInput."""
        stored = _policy_in(self.policy)
        self.rules.check()
        stored = self.rules.sections(stored)
        stored["examples"] = {"start": self.start, **stored["examples"]}
        try:
            answers = {"format": AnswerFormat(self.format), "word_limit": int(self.word_limit or 0)}
        except ValueError as error:
            raise InvalidInput(
                gettext("Choose a format, and write the word limit as a whole number.")
            ) from error
        markers = [line.strip() for line in self.markers.split("\n") if line.strip()]
        plan = plan_of(self.slug, self.name, self.template, markers=markers, stored=stored, answers=answers)
        return replace(self.rules.in_plan(plan), begins_with=self.begins_with)


@blueprint.get("")
@needs(Role.CURATOR)
def page() -> ResponseReturnValue:
    return _render(PersonaForm())


@blueprint.post("")
def send() -> Response:
    """Shows what it would be, or where `do` says so, creates it."""
    curator = require(Role.CURATOR)
    form, seeds = PersonaForm.read(request.form), None
    try:
        form = form.with_upload(request.files.get("file"))
        plan, seeds = form.plan(), read_seeds(form.seeds)
        if plan.begins_with:
            with session_scope(backend().engine) as session:
                find_lent(session, plan.begins_with)
        prompt = prompt_of(plan)
        if request.form.get("do") != "create" or seeds.rejected:
            problem = InvalidInput(gettext("Nothing was created yet: see below.")) if seeds.rejected else None
            page = _render(form, problem, seeds=seeds, prompt=prompt)
            return refused(page, problem) if problem else make_response(page)
        with session_scope(backend().engine) as session:
            added = create_in(session, backend().settings, plan, form.seeds)
            told = {"examples": added} | ({"begins_with": plan.begins_with} if plan.begins_with else {})
            audit.record(session, "create", form.slug, actor=curator.actor, at=now(), details=told)
    except (InvalidInput, Refused) as problem:
        return refused(_render(form, problem, seeds=seeds), problem)
    note(persona=form.slug)
    return _begin(form, curator.actor) if form.train else _created(form.slug)


def _begin(form: PersonaForm, actor: str) -> Response:
    """It is created, whatever becomes of its training: what Airflow says is told on its page."""
    try:
        submission = read_submission(request.form)
        retrain(backend().engine, backend().settings, form.slug, submission=submission, actor=actor)
    except (InvalidInput, Refused, Unavailable) as problem:
        return refused(curating.render(form.slug, "retrain", problem), problem)
    return _created(form.slug)


def _created(slug: str) -> Response:
    return redirect(url_for("curating.page", slug=slug), 303)


def _render(
    form: PersonaForm,
    problem: PersonaLoopError | None = None,
    *,
    seeds: Seeds | None = None,
    prompt: tuple[Message, ...] = (),
) -> str:
    with session_scope(backend().engine) as session:
        lent = [(one.name, one.persona.display_name, one.number) for one in live_versions(session)]
    return render_template(
        "new_persona.html",
        form=form,
        lent=lent,
        counts=COUNTS,
        problems=form.rules.problems(),
        formats=AnswerFormat,
        starts={
            Start.BASE: gettext("a fresh adapter, each night"),
            Start.CHAMPION: gettext("its own version that serves"),
        },
        name_limit=NAME_LIMIT,
        template_limit=TEMPLATE_LIMIT,
        problem_text=str(problem or ""),
        seeds=seeds,
        shown=SHOWN,
        prompt=prompt,
        example=EXAMPLE,
    )


def _policy_in(text: str) -> dict[str, Any]:
    if not text.strip():
        return {}
    try:
        stored = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidPolicy(f"it cannot be read as JSON ({error}).") from error
    if not isinstance(stored, dict) or not all(isinstance(section, dict) for section in stored.values()):
        raise InvalidPolicy("it must be a JSON object of objects, such as those for gate and canary.")
    return stored
