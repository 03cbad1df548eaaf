"""Asking and giving feedback by hand; this installation's command line is one rater, kept under VAR_DIR."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated
from uuid import UUID, uuid4

import typer
from sqlalchemy.orm import Session

from services.cli.output import Json, show, speaking
from services.db.feedback_tables import RaterRow
from services.db.session import session_scope
from services.domain.answer_formats import AnswerFormat
from services.domain.conversation import Question
from services.domain.feedback import AnswerId, RaterId
from services.domain.personas import DEFAULT_AUDIENCE, DEFAULT_DOMAIN
from services.errors.lookups import UnknownAnswer
from services.feedback import questions, rating, recording
from services.feedback.queries import AnswerView, answer_page
from services.jobs import ask as asking
from services.jobs.installation import Installation, now, open_installation
from services.tables import Record

commands = typer.Typer()


@commands.command()
@speaking
def ask(
    persona: str,
    question: str,
    context: Annotated[str, typer.Option(help="A text the answer should build on.")] = "",
    domain: Annotated[str, typer.Option(help="The field of the question.")] = DEFAULT_DOMAIN,
    audience: Annotated[str, typer.Option(help="Whom the answer is for.")] = DEFAULT_AUDIENCE,
    answer_format: Annotated[
        AnswerFormat | None, typer.Option("--format", help="Another format than the persona's own.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Ask a persona; prints the answer and the id to rate it by."""
    with open_installation() as installation:
        rater = _rater(installation)
        answer_id = asking.ask(
            installation.engine,
            installation.generator,
            persona_slug=persona,
            rater=rater,
            question=Question(text=question, context=context, domain=domain, audience=audience),
            answer_format=answer_format,
            at=now(),
        )
        with session_scope(installation.engine) as session:
            answer = answer_page(session, answer_id=answer_id, rater=rater)
    show(_answered(answer), as_json=as_json)
    if answer.valid is False:
        typer.echo(f"Not in the format that was asked for, after {answer.attempts} attempts.", err=True)


def _answered(answer: AnswerView) -> Record:
    version = "" if answer.blind else f" v{answer.version} ({answer.served_name})"
    return {
        "answer": answer.text,
        "answered_by": f"{answer.persona_name}{version}",
        "latency_ms": answer.latency_ms,
        **({} if answer.valid is None else {"attempts": answer.attempts, "valid": answer.valid}),
        "answer_id": str(answer.id),
    }


@commands.command()
@speaking
def rate(answer_id: str, stars: int, as_json: Json = False) -> None:
    """Give an answer 1 to 5 stars; the newest counts. Prints its id: `why rating:ID` follows it."""
    with _feedback() as (session, rater):
        rated = rating.rate(
            session, answer_id=_parse(answer_id), rater=rater, stars=stars, submission=uuid4(), at=now()
        )
    show({"rating": rated.id, "answer_id": answer_id, "stars": stars}, as_json=as_json)


@commands.command()
@speaking
def correct(answer_id: str, text: str, as_json: Json = False) -> None:
    """Write a better answer; the newest counts. Prints its id: `why correction:ID` follows it."""
    with _feedback() as (session, rater):
        correction = recording.correct(
            session, answer_id=_parse(answer_id), rater=rater, text=text, submission=uuid4(), at=now()
        )
    show({"correction": correction, "answer_id": answer_id, "better_answer": text}, as_json=as_json)


@contextmanager
def _feedback() -> Iterator[tuple[Session, RaterId]]:
    with open_installation() as installation:
        rater = _rater(installation)
        with session_scope(installation.engine) as session:
            yield session, rater


def _rater(installation: Installation) -> RaterId:
    """The rater of this installation's command line: made on first use, where the database is another, and
    where it was erased.
    """
    file = installation.settings.var_dir / "cli-rater"
    known = RaterId(UUID(file.read_text(encoding="ascii").strip())) if file.exists() else None
    with session_scope(installation.engine) as session:
        row = session.get(RaterRow, known) if known is not None else None
        if row is not None and row.erased_at is None:
            return RaterId(row.id)
        rater = questions.new_rater(session, at=now())
    file.write_text(str(rater), encoding="ascii")
    return rater


def _parse(answer_id: str) -> AnswerId:
    try:
        return AnswerId(UUID(answer_id))
    except ValueError as error:
        raise UnknownAnswer(answer_id) from error
