"""The rows of a training set nearest to a question, with who said what behind them, for one reader.

A curator reads the rows themselves. Anybody else reads those that they spoke in, unless somebody else wrote a
better answer there, and what they said themselves; of others, how many there are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from services.db.lineage_tables import TrainingSetRow
from services.domain.conversation import Message, Question, Role, asked_in
from services.domain.feedback import RaterId
from services.errors.artifacts import FrozenFileCorrupt
from services.feedback.behind import Saying, sayings
from services.training_sets.word_index import KeptIndexes, read_rows

SHOWN = 10  # rows


@dataclass(frozen=True, slots=True)
class Reader:
    """Who asks why: the rater they are, and whether a curator's role lets them read what others said."""

    rater: RaterId | None
    curates: bool


@dataclass(frozen=True, slots=True)
class NearRow:
    """A row of the set; `rejected` is a pair's worse text, `label` an unpaired example's.

    `said` is what this reader may read of what was said behind it, `unread` how much more there is.
    """

    kind: str
    question: str
    text: str
    rejected: str
    label: bool | None
    said: tuple[Saying, ...]
    unread: int = 0


@dataclass(frozen=True, slots=True)
class Nearest:
    """`shown` are those that this reader may read, `others` how many more there are.

    `looked_at` of the set's rows were compared; `missing` says why none could be.
    """

    shown: tuple[NearRow, ...] = ()
    others: int = 0
    looked_at: int = 0
    missing: str = ""


def find_near(
    session: Session,
    training_set: TrainingSetRow,
    question: Question,
    reader: Reader,
    store_url: str,
    indexes: KeptIndexes,
) -> Nearest:
    if training_set.redacted_at is not None:
        indexes.forget(training_set.digest)
        return Nearest(missing="Its rows have gone: a rater that it learnt from was erased.")
    try:
        index = indexes.of(store_url, training_set.path, digest=training_set.digest)
        begins = index.nearest(question.text, count=SHOWN)
        rows = read_rows(store_url, training_set.path, begins)
    except FrozenFileCorrupt:
        return Nearest(missing="Its rows cannot be read: the file of the set is gone or damaged.")
    return _told(session, rows, reader, looked_at=len(index))


def _told(session: Session, rows: Sequence[Mapping[str, Any]], reader: Reader, *, looked_at: int) -> Nearest:
    said = sayings(session, {source for row in rows for source in _sources(row)})
    found = [_near_row(row, said) for row in rows]
    there = [row for row in found if row.said]
    shown = there if reader.curates else [own for row in there if (own := _own_of(row, reader.rater))]
    return Nearest(shown=tuple(shown), others=len(there) - len(shown), looked_at=looked_at)


def _own_of(row: NearRow, rater: UUID | None) -> NearRow | None:
    """The row with what this rater said alone; None where they did not, or its text is another rater's."""
    own = tuple(one for one in row.said if rater is not None and one.rater == rater)
    written = any(one.kind == "correction" and one not in own for one in row.said)
    return replace(row, said=own, unread=len(row.said) - len(own)) if own and not written else None


def _near_row(row: Mapping[str, Any], said: Mapping[str, Saying]) -> NearRow:
    messages = [Message(Role(one["role"]), one["content"]) for one in row["messages"]]
    return NearRow(
        kind=row.get("kind", "demonstration"),
        question=asked_in(messages),
        text=row.get("completion", row.get("chosen", "")),
        rejected=row.get("rejected", ""),
        label=row.get("label"),
        said=tuple(said[source] for source in _sources(row) if source in said),
    )


def _sources(row: Mapping[str, Any]) -> list[str]:
    """Rows of the first release name one."""
    return row.get("sources") or [row["source"]]
