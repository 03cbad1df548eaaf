"""Words that a night could not see yet: said before its cutoff, and committed after it had read.

A request bears the instant at which it began and is seen once it has ended. So a set keeps which words of the
last hour before its cutoff it saw, and one that goes on from it hears the others of that hour as new. Imports
are waited for (`import_lock`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.db.feedback_tables import PersonaRow

LOOKED_BACK = timedelta(hours=1)  # no request takes as long, and no two clocks differ as much
_INSTANTS = {
    "rating": ("ratings", "created_at"),
    "correction": ("corrections", "created_at"),
    "comparison": ("comparisons", "created_at"),
    "retraction": ("retractions", "at"),
}
# Ranges, as nearly all ids follow each other: an import may have given a million of them in that hour.
_SEEN = {
    kind: text(
        f"SELECT coalesce(range_agg(int8range(id, id + 1)), '{{}}')::text FROM {table} "  # noqa: S608
        f"WHERE {instant} > :after AND {instant} <= :until"
    )
    for kind, (table, instant) in _INSTANTS.items()
}
_NONE = dict.fromkeys(_INSTANTS, "{}")  # an earlier release kept no retractions: there were none
_UNSEEN = text("""
SELECT said.kind, said.id, q.prompt_key
FROM (
    SELECT 'rating' AS kind, id, answer_id FROM ratings
    WHERE created_at > :after AND created_at <= :until AND NOT CAST(:rating AS int8multirange) @> id
    UNION ALL SELECT 'correction', id, answer_id FROM corrections
    WHERE created_at > :after AND created_at <= :until AND NOT CAST(:correction AS int8multirange) @> id
    UNION ALL SELECT 'comparison', id, left_answer_id FROM comparisons
    WHERE created_at > :after AND created_at <= :until AND NOT CAST(:comparison AS int8multirange) @> id
    UNION ALL SELECT 'retraction', id, answer_id FROM retractions
    WHERE at > :after AND at <= :until AND NOT CAST(:retraction AS int8multirange) @> id
) said
JOIN answers a ON a.id = said.answer_id
JOIN questions q ON q.id = a.question_id AND q.tombstone IS NULL
JOIN conversations c ON c.id = q.conversation_id AND c.persona_id = :persona
ORDER BY said.kind, said.id
""")


@dataclass(frozen=True, slots=True)
class LateWords:
    """How many words, keys of the prompts that were spoken of, and ids of the ratings among the words."""

    words: int = 0
    prompts: tuple[str, ...] = ()
    ratings: tuple[int, ...] = ()


def seen_before(session: Session, *, cutoff: datetime) -> dict[str, str]:
    """The ids of the words of the last hour that are there, by kind, as PostgreSQL writes ranges.

    Ask before anything is heard: what comes in between is heard once more, and not missed.
    """
    hour = {"after": cutoff - LOOKED_BACK, "until": cutoff}
    return {kind: str(session.scalar(statement, hour)) for kind, statement in _SEEN.items()}


def find_late(
    session: Session, persona: PersonaRow, *, since: datetime | None, seen: Mapping[str, str]
) -> LateWords:
    """What was said in the hour before `since` beside what was `seen` then; a set of before kept nothing."""
    if since is None or not seen:
        return LateWords()
    known = {"persona": persona.id, "after": since - LOOKED_BACK, "until": since, **_NONE, **seen}
    words = session.execute(_UNSEEN, known).all()
    return LateWords(
        words=len(words),
        prompts=tuple(sorted({word.prompt_key for word in words})),
        ratings=tuple(word.id for word in words if word.kind == "rating"),
    )
