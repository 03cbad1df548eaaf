"""Streaming the texts of a persona's feedback, one prompt after another, in the order of their keys.

Run it in the transaction in which `hearing` made its tables: the streams join with them. Four cursors on the
server give rated answers, corrections, comparisons and imported examples; nothing of the journal's size is
held here.
"""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Row, TextClause, text
from sqlalchemy.orm import Session

from services.db.feedback_tables import PersonaRow
from services.db.retractions import COMPARISON, stands_sql
from services.db.streaming import stream
from services.domain.conversation import Question
from services.domain.feedback import Said
from services.domain.splits import Split

_CHUNK = 500  # rows fetched at once, each with its texts
# Which of a rater's newest words of one day (in UTC) a row is, from 1: only so many count.
OF_DAY = """
    row_number() OVER (
        PARTITION BY rater, floor(extract(epoch FROM created_at) / 86400) ORDER BY id
    ) AS of_day
"""

# Where a prompt's rows may go. What judges is never learnt from; what is like both sides goes to neither.
_SPLIT = """
    CASE WHEN EXISTS (SELECT 1 FROM prompt_retirements r WHERE r.persona_id = :persona
                      AND r.split_key = {asked}.split_key AND r.at <= :cutoff) THEN 'quarantine'
         WHEN EXISTS (SELECT 1 FROM evaluation_items e WHERE e.persona_id = :persona
                      AND e.split_key = {asked}.split_key AND e.imported_at <= :cutoff) THEN 'holdout'
         ELSE coalesce(g.split, s.split) END AS split,
    coalesce(g.cluster, s.split_key) AS cluster
"""
_FIELDS = (
    "{asked}.prompt_key, {asked}.split_key, {asked}.text AS question, {asked}.context, {asked}.domain, "
    "{asked}.audience,"
)
_SPLITS = """
    JOIN prompt_splits s ON s.persona_id = :persona AND s.split_key = {asked}.split_key
    LEFT JOIN prompt_signatures g ON g.persona_id = :persona AND g.split_key = {asked}.split_key
"""


def _statement(template: str, *, asked: str) -> TextClause:
    """The template with what every statement reads of a prompt; `asked` is the alias of its table."""
    parts = {
        "fields": _FIELDS.format(asked=asked),
        "split": _SPLIT.format(asked=asked),
        "splits": _SPLITS.format(asked=asked),
        "of_day": OF_DAY,
        "stands": stands_sql(Said.CORRECTION, "k", by="cutoff"),
        "chosen_stands": stands_sql(COMPARISON, "k", by="cutoff"),
    }
    return text(template.format(**parts))


_RATED = _statement(
    """
SELECT 'rated' AS what, {fields} {split}, a.id::text AS answer_id, a.text AS answer, h.answer AS number
FROM (SELECT DISTINCT ON (answer) answer, answer_id FROM heard_answers ORDER BY answer, answer_id) h
JOIN answers a ON a.id = h.answer_id
JOIN questions q ON q.id = a.question_id {splits}
ORDER BY h.answer
""",
    asked="q",
)
# What a rater said on a day is counted before the prompts that are heard are picked out of it.
_CORRECTED = _statement(
    """
SELECT 'corrected' AS what, {fields} {split}, a.text AS answer, k.id, k.text AS better, n.rater, n.created_at,
       n.of_day
FROM (
    SELECT *, {of_day} FROM (
        SELECT DISTINCT ON (k.answer_id, k.rater_id) k.id, k.rater_id::text AS rater, k.created_at
        FROM corrections k
        JOIN answers a ON a.id = k.answer_id
        JOIN questions q ON q.id = a.question_id
        JOIN conversations c ON c.id = q.conversation_id AND c.persona_id = :persona
        WHERE k.created_at <= :cutoff AND k.tombstone IS NULL AND {stands}
        ORDER BY k.answer_id, k.rater_id, k.id DESC
    ) newest
) n
JOIN corrections k ON k.id = n.id
JOIN answers a ON a.id = k.answer_id
JOIN questions q ON q.id = a.question_id
JOIN heard_prompts p ON p.prompt_key = q.prompt_key {splits}
ORDER BY q.prompt_key, k.id
""",
    asked="q",
)
_COMPARED = _statement(
    """
SELECT 'compared' AS what, {fields} {split}, a.text AS left_text, b.text AS right_text, k.id, k.choice,
       n.rater, n.created_at, n.of_day
FROM (
    SELECT *, {of_day} FROM (
        SELECT DISTINCT ON (least(k.left_answer_id, k.right_answer_id),
                            greatest(k.left_answer_id, k.right_answer_id), k.rater_id)
               k.id, k.rater_id::text AS rater, k.created_at
        FROM comparisons k
        JOIN answers a ON a.id = k.left_answer_id
        JOIN questions q ON q.id = a.question_id
        JOIN conversations c ON c.id = q.conversation_id AND c.persona_id = :persona
        WHERE k.created_at <= :cutoff AND k.tombstone IS NULL AND {chosen_stands}
        ORDER BY least(k.left_answer_id, k.right_answer_id),
                 greatest(k.left_answer_id, k.right_answer_id), k.rater_id, k.id DESC
    ) newest
) n
JOIN comparisons k ON k.id = n.id
JOIN answers a ON a.id = k.left_answer_id
JOIN answers b ON b.id = k.right_answer_id AND b.tombstone IS NULL
JOIN questions q ON q.id = a.question_id
JOIN heard_prompts p ON p.prompt_key = q.prompt_key {splits}
ORDER BY q.prompt_key, k.id
""",
    asked="q",
)
_SEEDED = _statement(
    """
SELECT 'seeded' AS what, {fields} {split}, x.id, x.completion, x.imported_at
FROM seed_examples x JOIN heard_prompts p ON p.prompt_key = x.prompt_key {splits}
WHERE x.persona_id = :persona AND x.imported_at <= :cutoff
ORDER BY x.prompt_key, x.id
""",
    asked="x",
)

_UNASKED = _statement(
    """
SELECT 'seeded' AS what, {fields} {split}, x.id, x.completion, x.imported_at
FROM seed_examples x {splits}
WHERE x.persona_id = :persona AND x.imported_at <= :cutoff
AND NOT EXISTS (SELECT FROM questions q
                JOIN conversations c ON c.id = q.conversation_id AND c.persona_id = :persona
                WHERE q.prompt_key = x.prompt_key)
ORDER BY x.prompt_key, x.id
""",
    asked="x",
)

_OVERRIDDEN = text(f"""
SELECT 'rating' AS kind, id FROM heard WHERE overridden
UNION ALL
SELECT 'correction', id FROM (
    SELECT k.id, lead(k.id) OVER (PARTITION BY k.answer_id, k.rater_id ORDER BY k.id) AS newer
    FROM corrections k
    JOIN answers a ON a.id = k.answer_id
    JOIN questions q ON q.id = a.question_id
    JOIN heard_prompts p ON p.prompt_key = q.prompt_key
    JOIN conversations c ON c.id = q.conversation_id AND c.persona_id = :persona
    WHERE k.created_at <= :cutoff AND k.tombstone IS NULL AND {stands_sql(Said.CORRECTION, "k", by="cutoff")}
) corrected WHERE newer IS NOT NULL
UNION ALL
SELECT 'comparison', id FROM (
    SELECT k.id, lead(k.id) OVER (
        PARTITION BY least(k.left_answer_id, k.right_answer_id),
                     greatest(k.left_answer_id, k.right_answer_id), k.rater_id ORDER BY k.id
    ) AS newer
    FROM comparisons k
    JOIN answers a ON a.id = k.left_answer_id
    JOIN questions q ON q.id = a.question_id
    JOIN heard_prompts p ON p.prompt_key = q.prompt_key
    JOIN conversations c ON c.id = q.conversation_id AND c.persona_id = :persona
    WHERE k.created_at <= :cutoff AND k.tombstone IS NULL AND {stands_sql(COMPARISON, "k", by="cutoff")}
) compared WHERE newer IS NOT NULL
ORDER BY kind, id
""")  # noqa: S608  (the fragment is the code's own)


@dataclass(frozen=True, slots=True)
class PromptTexts:
    """All rows of one prompt, as the four statements give them, `what` in each."""

    question: Question
    prompt_key: str
    split_key: str
    split: Split
    cluster: str
    rows: Sequence[Row[Any]]


def stream_prompts(session: Session, persona: PersonaRow, *, cutoff: datetime) -> Iterator[PromptTexts]:
    """Every prompt that `hear` heard, with everything said of it up to the cutoff, always in one order."""
    known = {"persona": persona.id, "cutoff": cutoff}
    yield from _by_prompt(session, (_RATED, _CORRECTED, _COMPARED, _SEEDED), known)


def stream_unasked_seeds(session: Session, persona: PersonaRow, *, cutoff: datetime) -> Iterator[PromptTexts]:
    """Every prompt of the examples imported up to the cutoff that nobody ever asked."""
    yield from _by_prompt(session, (_UNASKED,), {"persona": persona.id, "cutoff": cutoff})


def _by_prompt(
    session: Session, statements: Sequence[TextClause], known: Mapping[str, object]
) -> Iterator[PromptTexts]:
    streams = (stream(session, statement, known, chunk=_CHUNK) for statement in statements)
    merged = heapq.merge(*streams, key=_prompt_key)
    for key, group in groupby(merged, key=_prompt_key):
        rows = tuple(group)
        first = rows[0]
        question = Question(first.question, first.domain, first.audience, first.context)
        yield PromptTexts(question, key, first.split_key, Split(first.split), first.cluster, rows)


def stream_overridden(session: Session, persona: PersonaRow, *, cutoff: datetime) -> Iterator[str]:
    """The sources, as "rating:12", after which their rater said something newer of the same by the cutoff."""
    known = {"persona": persona.id, "cutoff": cutoff}
    for row in stream(session, _OVERRIDDEN, known, chunk=_CHUNK):
        yield f"{row.kind}:{row.id}"


def _prompt_key(row: Row[Any]) -> str:
    return str(row.prompt_key)
