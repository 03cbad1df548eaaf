"""Retention of frozen files: those of training sets and evidence in the store that no row names.

A crash between a file and its row leaves them, and so does a night that is tried again and comes out
otherwise. The caller keeps away whoever freezes files, so that none is named anew meanwhile.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.adapters.freezing import frozen_at
from services.domain.retention import why_unnamed_kept

_NAMED = text("""
    SELECT path FROM training_sets
    UNION SELECT jsonb_path_query(report, '$.**.path') #>> '{}' FROM training_sets
    UNION SELECT jsonb_path_query(plan, '$.**.path') #>> '{}' FROM training_sets
    UNION SELECT evidence_path FROM gate_decisions
""")
_NEWEST = text("""
    SELECT greatest((SELECT max(created_at) FROM training_sets), (SELECT max(created_at) FROM gate_decisions))
""")


@dataclass(frozen=True, slots=True)
class FileFate:
    """What becomes of a frozen file, and why; `path` is below the store."""

    path: str
    size: int  # bytes
    stays: bool
    why: str


def judge_frozen(
    session: Session, store_url: str, sizes: Mapping[str, int], *, at: datetime
) -> Iterator[FileFate]:
    """The fate of every frozen file that no row names; `sizes` are those of all, by path."""
    named = set(session.scalars(_NAMED))
    newest = session.scalar(_NEWEST)
    for path in sorted(sizes.keys() - named):
        kept = why_unnamed_kept(frozen_at(store_url, path), newest=newest, at=at)
        yield FileFate(path, sizes[path], bool(kept), kept or "no set and no decision names it")
