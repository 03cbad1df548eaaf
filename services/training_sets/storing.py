"""Writing imported records into the tables, a batch at a time; what is there already stays as it is."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import inspect, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.db.base import Base
from services.db.feedback_tables import (
    AnswerRow,
    CommentRow,
    ComparisonRow,
    ConversationRow,
    CorrectionRow,
    CurrentRatingRow,
    EvaluationItemRow,
    PersonaRow,
    QuestionRow,
    RaterRow,
    RatingRow,
    SeedExampleRow,
)
from services.db.splits import draw_splits
from services.training_sets.import_rows import Rows, Values


def store(session: Session, persona: PersonaRow, rows: Rows) -> int:
    """Insert the rows of one batch; how many demonstrations, items, ratings and comparisons are new."""
    _leave_out_erased(session, rows)
    draw_splits(session, persona=persona, keys=rows.split_keys, at=rows.origin.at)
    parents: tuple[tuple[type[Base], dict[Any, Values]], ...] = (
        (RaterRow, rows.raters),
        (ConversationRow, rows.conversations),
        (QuestionRow, rows.questions),
        (AnswerRow, rows.answers),
    )
    for table, values in parents:
        _insert(session, table, list(values.values()))
    _insert(session, CorrectionRow, rows.corrections)
    _insert(session, CommentRow, rows.comments)
    added = _insert_ratings(session, rows.ratings)
    added += _insert(session, ComparisonRow, rows.comparisons)
    added += _insert(session, SeedExampleRow, rows.examples)
    return added + _insert(session, EvaluationItemRow, rows.items)


def _leave_out_erased(session: Session, rows: Rows) -> None:
    """What a file says in the name of raters who were erased is not said again."""
    erased = set(
        session.scalars(
            select(RaterRow.id).where(RaterRow.id.in_(rows.raters), RaterRow.erased_at.is_not(None))
        )
    )
    if erased:
        for journal in (rows.ratings, rows.corrections, rows.comments, rows.comparisons):
            journal[:] = [one for one in journal if one["rater_id"] not in erased]


def _insert(session: Session, table: type[Base], values: Sequence[Values]) -> int:
    """How many of the rows are new; a row that meets any unique key of another is that other one."""
    if not values:
        return 0
    statement = insert(table).on_conflict_do_nothing().returning(*inspect(table).primary_key)
    return len(session.connection().execute(statement, values).all())


def _insert_ratings(session: Session, values: Sequence[Values]) -> int:
    if not values:
        return 0
    statement = (
        insert(RatingRow)
        .on_conflict_do_nothing(index_elements=["submission"])
        .returning(RatingRow.id, RatingRow.answer_id, RatingRow.rater_id)
    )
    added = session.connection().execute(statement, values).all()
    newest: dict[tuple[Any, Any], int] = {}
    for rating in added:
        pair = (rating.answer_id, rating.rater_id)
        newest[pair] = max(rating.id, newest.get(pair, 0))
    current = [
        {"answer_id": answer, "rater_id": rater, "rating_id": rating}
        for (answer, rater), rating in newest.items()
    ]
    if current:
        pointing = insert(CurrentRatingRow)
        session.connection().execute(
            pointing.on_conflict_do_update(
                index_elements=["answer_id", "rater_id"],
                set_={"rating_id": pointing.excluded.rating_id},
                where=CurrentRatingRow.rating_id < pointing.excluded.rating_id,
            ).returning(CurrentRatingRow.rating_id),
            current,
        )
    return len(added)
