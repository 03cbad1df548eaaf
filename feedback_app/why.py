"""Why an answer is as it is: for who asked it, and for curators."""

from uuid import UUID

from flask import Blueprint, render_template

from feedback_app.backend import backend
from feedback_app.raters import current_rater
from feedback_app.request_log import note
from feedback_app.signing_in import current_member
from services.db.session import session_scope
from services.domain.conversation import PROMPT_VERSION
from services.domain.feedback import AnswerId
from services.domain.roles import Role
from services.jobs.explaining import explain
from services.jobs.near_rows import Reader

blueprint = Blueprint("why", __name__)


@blueprint.get("/answers/<uuid:answer_id>/why")
def page(answer_id: UUID) -> str:
    member = current_member()
    reader = Reader(current_rater(), curates=member is not None and member.role.covers(Role.CURATOR))
    with session_scope(backend().engine) as session:
        found = explain(
            session,
            AnswerId(answer_id),
            reader,
            store_url=backend().settings.store_url,
            indexes=backend().indexes,
        )
        note(answer=answer_id, persona=found.persona)
        return render_template("why.html", page=found, reader=reader, prompt_version=PROMPT_VERSION)
