"""Streaming the texts of a persona's feedback, one prompt after another, in the order of their keys.

Run it in the transaction in which `hearing` made its tables: the streams join with them. Four cursors on the
server give rated answers, corrections, comparisons and imported examples; nothing of the journal's size is
held here.
"""

import heapq
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Row, TextClause, text
from sqlalchemy.orm import Session

from services.db.feedback_tables import PersonaRow
from services.db.streaming import stream
from services.domain.conversation import Question
from services.domain.splits import Split

_CHUNK = 500  # rows fetched at once, each with its texts
BEGINNING = datetime.min.replace(tzinfo=UTC)  # before anything was said
# Of comparisons k: those of two answers that were compared since, whenever it was said. What somebody said
# whom a person trusts since then is new as well: it waited for that.
TOUCHED_PAIRS = """
    JOIN (SELECT DISTINCT least(left_answer_id, right_answer_id) AS one,
                          greatest(left_answer_id, right_answer_id) AS other
          FROM comparisons
          WHERE (created_at > :since OR rater_id = ANY(CAST(:trusted AS uuid[])))
          AND created_at <= :cutoff) touched
    ON touched.one = least(k.left_answer_id, k.right_answer_id)
    AND touched.other = greatest(k.left_answer_id, k.right_answer_id)
"""
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
        "touched": TOUCHED_PAIRS,
        "of_day": OF_DAY,
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
# The day on which a set was made is read whole: what it learnt of that day counts towards the day's limit.
_CORRECTED = _statement(
    """
SELECT * FROM (SELECT *, {of_day} FROM (
    SELECT DISTINCT ON (k.answer_id, k.rater_id) 'corrected' AS what, {fields} {split},
           a.text AS answer, k.id, k.text AS better, k.rater_id::text AS rater, k.created_at
    FROM corrections k
    JOIN answers a ON a.id = k.answer_id
    JOIN questions q ON q.id = a.question_id
    JOIN conversations c ON c.id = q.conversation_id AND c.persona_id = :persona {splits}
    WHERE (k.created_at >= date_trunc('day', CAST(:since AS timestamptz), 'UTC')
           OR k.rater_id = ANY(CAST(:trusted AS uuid[])))
    AND k.created_at <= :cutoff
    ORDER BY k.answer_id, k.rater_id, k.id DESC
) newest) counted WHERE created_at > :since OR rater = ANY(CAST(:trusted AS text[])) ORDER BY prompt_key, id
""",
    asked="q",
)
_COMPARED = _statement(
    """
SELECT *, {of_day} FROM (
    SELECT DISTINCT ON (least(k.left_answer_id, k.right_answer_id),
                        greatest(k.left_answer_id, k.right_answer_id), k.rater_id)
           'compared' AS what, {fields} {split}, a.text AS left_text, b.text AS right_text,
           k.id, k.choice, k.rater_id::text AS rater, k.created_at
    FROM comparisons k {touched}
    JOIN answers a ON a.id = k.left_answer_id
    JOIN answers b ON b.id = k.right_answer_id
    JOIN questions q ON q.id = a.question_id
    JOIN conversations c ON c.id = q.conversation_id AND c.persona_id = :persona {splits}
    WHERE k.created_at <= :cutoff
    ORDER BY least(k.left_answer_id, k.right_answer_id), greatest(k.left_answer_id, k.right_answer_id),
             k.rater_id, k.id DESC
) newest ORDER BY prompt_key, id
""",
    asked="q",
)
_SEEDED = _statement(
    """
SELECT 'seeded' AS what, {fields} {split}, x.id, x.completion, x.imported_at
FROM seed_examples x {splits}
WHERE x.persona_id = :persona AND x.imported_at > :since AND x.imported_at <= :cutoff
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
    JOIN conversations c ON c.id = q.conversation_id AND c.persona_id = :persona
    WHERE (k.created_at > :since OR k.rater_id = ANY(CAST(:trusted AS uuid[])))
    AND k.created_at <= :cutoff
) corrected WHERE newer IS NOT NULL
UNION ALL
SELECT 'comparison', id FROM (
    SELECT k.id, lead(k.id) OVER (
        PARTITION BY least(k.left_answer_id, k.right_answer_id),
                     greatest(k.left_answer_id, k.right_answer_id), k.rater_id ORDER BY k.id
    ) AS newer
    FROM comparisons k {TOUCHED_PAIRS}
    JOIN answers a ON a.id = k.left_answer_id
    JOIN questions q ON q.id = a.question_id
    JOIN conversations c ON c.id = q.conversation_id AND c.persona_id = :persona
    WHERE k.created_at <= :cutoff
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


def stream_prompts(
    session: Session,
    persona: PersonaRow,
    *,
    cutoff: datetime,
    since: datetime | None = None,
    trusted: Collection[str] = (),
) -> Iterator[PromptTexts]:
    """Every prompt that anything was said of up to the cutoff; the same inputs give the same order.

    With `since`, what was corrected, compared or imported after it, and the answers that `hear` then heard;
    and what raters said whose ids are among the `trusted`.
    """
    known = {"persona": persona.id, "cutoff": cutoff, "since": since or BEGINNING, "trusted": sorted(trusted)}
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


def stream_overridden(
    session: Session,
    persona: PersonaRow,
    *,
    cutoff: datetime,
    since: datetime | None = None,
    trusted: Collection[str] = (),
) -> Iterator[str]:
    """The sources, as "rating:12", after which their rater said something newer of the same by the cutoff."""
    known = {"persona": persona.id, "cutoff": cutoff, "since": since or BEGINNING, "trusted": sorted(trusted)}
    for row in stream(session, _OVERRIDDEN, known, chunk=_CHUNK):
        yield f"{row.kind}:{row.id}"


def _prompt_key(row: Row[Any]) -> str:
    return str(row.prompt_key)
