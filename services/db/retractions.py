"""What was taken back does not count: whether a row of a journal stands, for statements of either kind."""

from sqlalchemy import ColumnElement, exists
from sqlalchemy.orm import InstrumentedAttribute

from services.db.feedback_tables import ComparisonRow
from services.db.retraction_tables import RetractionRow
from services.domain.feedback import Said

TAKEN_BACK: dict[Said, InstrumentedAttribute[int | None]] = {
    Said.RATING: RetractionRow.rating_id,
    Said.CORRECTION: RetractionRow.correction_id,
    Said.COMMENT: RetractionRow.comment_id,
}
COMPARISON = "comparison"  # in `stands_sql`, as `Said` are: it is said of two answers


def stands(said: Said, said_id: ColumnElement[int] | InstrumentedAttribute[int]) -> ColumnElement[bool]:
    """Whether the row of that journal with this id, of a query around it, was not taken back."""
    return ~exists().where(TAKEN_BACK[said] == said_id)


def choice_stands() -> ColumnElement[bool]:
    """Whether the row of comparisons, of a query around it, was not taken back."""
    return ~exists().where(RetractionRow.comparison_id == ComparisonRow.id)


def stands_sql(kind: str, alias: str, *, by: str = "") -> str:
    """The same of the row that a statement calls `alias`: ever, or by the instant that is bound as `by`."""
    until = f" AND t.at <= :{by}" if by else ""
    return f"NOT EXISTS (SELECT FROM retractions t WHERE t.{kind}_id = {alias}.id{until})"
