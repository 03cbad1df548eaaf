"""Reading a persona's feedback up to a cutoff, as items the domain can choose from.

Only what was true at the cutoff counts: a rater's newest rating and correction of an answer by then.
"""

from collections.abc import Iterator
from datetime import datetime
from itertools import chain
from typing import Any

from sqlalchemy import Label, Select, and_, case, exists, func, literal, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from services.db.feedback_tables import (
    AnswerRow,
    ConversationRow,
    CorrectionRow,
    EvaluationItemRow,
    PersonaRow,
    PromptSplitRow,
    QuestionRow,
    RatingRow,
    SeedExampleRow,
)
from services.domain.conversation import Question
from services.domain.examples import FeedbackItem, Source
from services.domain.splits import Split

Rows = Select[*tuple[Any, ...]]


def read_feedback(session: Session, persona: PersonaRow, *, cutoff: datetime) -> Iterator[FeedbackItem]:
    """Every correction, rated answer and imported example of a persona up to the cutoff, in a fixed order."""
    return chain(
        (_corrected(row) for row in session.execute(_corrections(persona, cutoff))),
        (_rated(row) for row in session.execute(_ratings(persona, cutoff))),
        (_seeded(row) for row in session.execute(_seeds(persona, cutoff))),
    )


def count_new(session: Session, persona: PersonaRow, *, after: datetime | None, until: datetime) -> int:
    """Ratings, corrections and imported examples that came after one instant and up to another."""
    said = [
        _of_persona(select(func.count()).select_from(journal), journal, persona).where(
            journal.created_at <= until, *([journal.created_at > after] if after else [])
        )
        for journal in (RatingRow, CorrectionRow)
    ]
    imported = select(func.count()).where(
        SeedExampleRow.persona_id == persona.id,
        SeedExampleRow.imported_at <= until,
        *([SeedExampleRow.imported_at > after] if after else []),
    )
    return sum(session.scalar(statement) or 0 for statement in (*said, imported))


def _of_persona(statement: Rows, journal: type[RatingRow | CorrectionRow], persona: PersonaRow) -> Rows:
    return (
        statement.join(AnswerRow, journal.answer_id == AnswerRow.id)
        .join(QuestionRow, AnswerRow.question_id == QuestionRow.id)
        .join(ConversationRow, QuestionRow.conversation_id == ConversationRow.id)
        .where(ConversationRow.persona_id == persona.id)
    )


def _newest_of_each_rater(
    journal: type[RatingRow | CorrectionRow], persona: PersonaRow, cutoff: datetime
) -> Rows:
    return (
        _of_persona(
            select(
                journal, AnswerRow.text.label("answer"), QuestionRow, _split(persona, QuestionRow, cutoff)
            ),
            journal,
            persona,
        )
        .join(
            PromptSplitRow,
            and_(
                PromptSplitRow.persona_id == persona.id,
                PromptSplitRow.split_key == QuestionRow.split_key,
            ),
        )
        .where(journal.created_at <= cutoff)
        .ext(distinct_on(journal.answer_id, journal.rater_id))
        .order_by(journal.answer_id, journal.rater_id, journal.id.desc())
    )


def _split(persona: PersonaRow, asked: type[QuestionRow | SeedExampleRow], cutoff: datetime) -> Label[str]:
    """The split drawn for the prompt, but held out in any case where an evaluation item asks the same."""
    judged = exists().where(
        EvaluationItemRow.persona_id == persona.id,
        EvaluationItemRow.split_key == asked.split_key,
        EvaluationItemRow.imported_at <= cutoff,
    )
    return case((judged, literal(Split.HOLDOUT.value)), else_=PromptSplitRow.split).label("split")


def _corrections(persona: PersonaRow, cutoff: datetime) -> Rows:
    return _newest_of_each_rater(CorrectionRow, persona, cutoff)


def _ratings(persona: PersonaRow, cutoff: datetime) -> Rows:
    return _newest_of_each_rater(RatingRow, persona, cutoff)


def _seeds(persona: PersonaRow, cutoff: datetime) -> Rows:
    return (
        select(SeedExampleRow, _split(persona, SeedExampleRow, cutoff))
        .join(
            PromptSplitRow,
            and_(
                PromptSplitRow.persona_id == SeedExampleRow.persona_id,
                PromptSplitRow.split_key == SeedExampleRow.split_key,
            ),
        )
        .where(SeedExampleRow.persona_id == persona.id, SeedExampleRow.imported_at <= cutoff)
        .order_by(SeedExampleRow.id)
    )


def _question(row: QuestionRow | SeedExampleRow) -> Question:
    return Question(text=row.text, context=row.context, domain=row.domain, audience=row.audience)


def _corrected(row: Any) -> FeedbackItem:  # noqa: ANN401  (rows of mixed entities have no static type)
    correction, question = row.CorrectionRow, row.QuestionRow
    return FeedbackItem(
        source=Source.CORRECTION,
        source_id=f"correction:{correction.id}",
        question=_question(question),
        prompt_key=question.prompt_key,
        split=Split(row.split),
        text=correction.text,
        stars=None,
        at=correction.created_at,
    )


def _rated(row: Any) -> FeedbackItem:  # noqa: ANN401
    rating, question = row.RatingRow, row.QuestionRow
    return FeedbackItem(
        source=Source.RATING,
        source_id=f"rating:{rating.id}",
        question=_question(question),
        prompt_key=question.prompt_key,
        split=Split(row.split),
        text=row.answer,
        stars=rating.stars,
        at=rating.created_at,
    )


def _seeded(row: Any) -> FeedbackItem:  # noqa: ANN401
    seed = row.SeedExampleRow
    return FeedbackItem(
        source=Source.SEED,
        source_id=f"seed:{seed.id}",
        question=_question(seed),
        prompt_key=seed.prompt_key,
        split=Split(row.split),
        text=seed.completion,
        stars=None,
        at=seed.imported_at,
    )
