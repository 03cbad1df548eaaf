"""Rows of what people ask and say, with valid defaults for tests; `lineage_builders` has what became of it.

Each builder takes what the test is about and fills in the rest.
"""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from io import BytesIO
from typing import Any
from uuid import uuid4

from sqlalchemy.orm import Session

from services.adapters.promotions import who_serves
from services.db.feedback_tables import (
    AnswerRow,
    ComparisonRow,
    CorrectionRow,
    PersonaRow,
    RaterReviewRow,
    RatingRow,
    SeedExampleRow,
)
from services.db.retraction_tables import RetractionRow
from services.db.review_tables import FeedbackReviewRow
from services.db.splits import draw_split
from services.domain.answer_formats import AnswerRules
from services.domain.conversation import Question
from services.domain.feedback import RaterId, Reason, Thumb
from services.domain.personas import Persona, PersonaSlug, default_generation
from services.domain.splits import prompt_key, split_key
from services.feedback.personas import PersonaPlan, create_persona
from services.feedback.questions import new_rater, record_question, start_conversation
from services.training_sets.importers.items import read as read_items
from services.training_sets.importers.rows import Reading
from services.training_sets.importing import Imported, import_records

FREE = AnswerRules()
AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def add_persona(
    session: Session,
    *,
    slug: str = "pirate",
    display_name: str = "Pirate",
    answers: AnswerRules = FREE,
    **plan: Any,
) -> PersonaRow:
    """A persona served by its version 0, the plain base."""
    persona = Persona(
        slug=PersonaSlug(slug),
        display_name=display_name,
        answers=answers,
        generation=default_generation(answers),
    )
    return create_persona(session, PersonaPlan(persona, **plan), at=AT)


def add_answer(
    session: Session,
    persona: PersonaRow,
    *,
    rater: RaterId | None = None,
    question: str = "Why is the sky blue?",
    audience: str = "student",
    text: str = "It scatters.",
    at: datetime = AT,
) -> AnswerRow:
    """An answer of the persona's serving version to a question of a rater."""
    rater = rater or new_rater(session, at=at)
    conversation = start_conversation(session, persona=persona, rater=rater, at=at)
    asked = record_question(
        session,
        conversation=conversation,
        question=Question(text=question, domain="physics", audience=audience),
        at=at,
    )
    draw_split(session, persona=persona, key=asked.split_key, at=at)
    serving = who_serves(session, persona)
    answer = AnswerRow(
        question=asked,
        adapter_version_id=serving.version_id,
        served_name=serving.name,
        text=text,
        prompt_version="1",
        generation={},
        seed=1,
        finish_reason="stop",
        latency_ms=5,
        accepted_at=at,
        created_at=at,
    )
    session.add(answer)
    session.flush()
    return answer


def asker_of(answer: AnswerRow) -> RaterId:
    return RaterId(answer.question.conversation.rater_id)


def add_rating(
    session: Session,
    answer: AnswerRow,
    *,
    stars: int | Thumb = 5,
    rater: RaterId | None = None,
    reasons: Collection[Reason] = (),
    at: datetime = AT,
) -> str:
    """The source, as "rating:12", of an opinion of a rater of its own, or of the one given."""
    row = RatingRow(
        answer_id=answer.id,
        rater_id=rater or new_rater(session, at=at),
        stars=None if isinstance(stars, Thumb) else stars,
        thumb=stars if isinstance(stars, Thumb) else None,
        reasons=[reason.value for reason in reasons],
        submission=uuid4(),
        created_at=at,
    )
    session.add(row)
    session.flush()
    return f"rating:{row.id}"


def add_correction(
    session: Session, answer: AnswerRow, text: str, *, rater: RaterId | None = None, at: datetime = AT
) -> str:
    row = CorrectionRow(
        answer_id=answer.id,
        rater_id=rater or new_rater(session, at=at),
        text=text,
        submission=uuid4(),
        created_at=at,
    )
    session.add(row)
    session.flush()
    return f"correction:{row.id}"


def add_retraction(session: Session, source: str, *, at: datetime = AT) -> None:
    """Of a rating, a correction or a comparison, as "rating:12"."""
    kind, _, number = source.partition(":")
    journal = {"rating": RatingRow, "correction": CorrectionRow, "comparison": ComparisonRow}[kind]
    row: Any = session.get_one(journal, int(number))
    of = row.left_answer_id if kind == "comparison" else row.answer_id
    said = {f"{kind}_id": row.id}
    session.add(RetractionRow(answer_id=of, rater_id=row.rater_id, at=at, **said))
    session.flush()


def add_feedback_review(
    session: Session, source: str, verdict: str, *, reason: str = "seen", at: datetime = AT
) -> None:
    """What a reviewer decided of one thing that was said, as "rating:12"."""
    kind, _, number = source.partition(":")
    journal = {"rating": RatingRow, "correction": CorrectionRow, "comparison": ComparisonRow}[kind]
    row: Any = session.get_one(journal, int(number))
    session.add(
        FeedbackReviewRow(
            answer_id=row.left_answer_id if kind == "comparison" else row.answer_id,
            rater_id=row.rater_id,
            verdict=verdict,
            reason=reason,
            actor="test",
            submission=uuid4(),
            at=at,
            **{f"{kind}_id": row.id},
        )
    )
    session.flush()


def add_comparison(
    session: Session,
    left: AnswerRow,
    right: AnswerRow,
    choice: str = "left",
    *,
    rater: RaterId | None = None,
    at: datetime = AT,
) -> str:
    row = ComparisonRow(
        left_answer_id=left.id,
        right_answer_id=right.id,
        rater_id=rater or new_rater(session, at=at),
        choice=choice,
        submission=uuid4(),
        created_at=at,
    )
    session.add(row)
    session.flush()
    return f"comparison:{row.id}"


def add_seed(
    session: Session, persona: PersonaRow, question: str, completion: str, *, at: datetime = AT
) -> str:
    asked = Question(text=question, domain="physics", audience="student")
    draw_split(session, persona=persona, key=split_key(asked), at=at)
    row = SeedExampleRow(
        persona_id=persona.id,
        text=question,
        context="",
        domain=asked.domain,
        audience=asked.audience,
        completion=completion,
        prompt_key=prompt_key(asked),
        split_key=split_key(asked),
        digest=uuid4().hex,
        imported_at=at,
    )
    session.add(row)
    session.flush()
    return f"seed:{row.id}"


def add_items(session: Session, persona: PersonaRow, lines: Iterable[str], *, at: datetime = AT) -> Imported:
    """Items of the lines of a file, asked only to judge."""
    file = BytesIO("".join(f"{line}\n" for line in lines).encode())
    return import_records(session, persona, read_items(file, Reading()), source="items", at=at)


def add_review(session: Session, rater: RaterId, verdict: str, *, at: datetime = AT) -> None:
    session.add(RaterReviewRow(rater_id=rater, verdict=verdict, reason="seen", actor="test", at=at))
    session.flush()
