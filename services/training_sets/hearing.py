"""Reading a persona's ratings up to a cutoff: who said what, as arrays.

Only what was true at the cutoff counts: a rater's newest word by then. Nothing of an erased one does, nor of
answers given to one. Temporary tables hold what was heard, so that the arrays and the stream of `texts`
number the answers alike. What is held in memory grows by a few bytes a rating.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import numpy as np
from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from services.db.columns import fill_columns
from services.db.feedback_tables import PersonaRow
from services.db.retractions import COMPARISON, stands_sql
from services.domain.consensus import Integers, Mask
from services.domain.feedback import FAULTS, Reason, Said
from services.training_sets.late_words import LOOKED_BACK, LateWords

_TAGS = tuple(Reason)
_NONE_LATE = LateWords()
# Sorting a million ratings in the server's default of 4 MB goes by way of the disk.
_SORT_IN_MEMORY = "SET LOCAL work_mem = '128MB'"

# The unit is the prompt: what becomes of it is decided by everything that was ever said of it.
_PROMPTS = """
CREATE TEMPORARY TABLE heard_prompts ON COMMIT DROP AS
SELECT q.prompt_key
FROM questions q JOIN conversations c ON c.id = q.conversation_id AND c.persona_id = :persona
WHERE q.tombstone IS NULL
UNION SELECT prompt_key FROM seed_examples WHERE persona_id = :persona AND imported_at <= :cutoff
"""
# Of those, the ones that something new was said of, taken back or decided by a reviewer, which may have come
# late, or anything was by who is trusted since.
_PROMPTS_SINCE = """
CREATE TEMPORARY TABLE heard_prompts ON COMMIT DROP AS
SELECT q.prompt_key
FROM (
    SELECT answer_id FROM ratings
    WHERE created_at <= :cutoff AND (created_at > :since OR rater_id = ANY(CAST(:trusted AS uuid[])))
    UNION SELECT answer_id FROM corrections
    WHERE created_at <= :cutoff AND (created_at > :since OR rater_id = ANY(CAST(:trusted AS uuid[])))
    UNION SELECT left_answer_id FROM comparisons
    WHERE created_at <= :cutoff AND (created_at > :since OR rater_id = ANY(CAST(:trusted AS uuid[])))
    UNION SELECT answer_id FROM retractions WHERE at > :since AND at <= :cutoff
    UNION SELECT answer_id FROM feedback_reviews WHERE at > :reviewed_since AND at <= :cutoff
) said
JOIN answers a ON a.id = said.answer_id
JOIN questions q ON q.id = a.question_id
JOIN conversations c ON c.id = q.conversation_id AND c.persona_id = :persona
WHERE q.tombstone IS NULL
UNION SELECT unnest(CAST(:late_prompts AS text[]))
UNION SELECT prompt_key FROM seed_examples
WHERE persona_id = :persona AND imported_at > :since AND imported_at <= :cutoff
"""
# A text that answers one prompt is one answer, however often it was given: its raters judge the same thing.
# Where its asker had enough in the middle it shows nobody how to answer, however good it was so far.
# Numbers count from 0 in an order that is always the same.
_NUMBER_ANSWERS = f"""
CREATE TEMPORARY TABLE heard_answers ON COMMIT DROP AS
SELECT a.id AS answer_id,
       (dense_rank() OVER (ORDER BY q.prompt_key COLLATE "C", md5(a.text) COLLATE "C") - 1)::int AS answer
FROM heard_prompts p
JOIN questions q ON q.prompt_key = p.prompt_key
JOIN conversations c ON c.id = q.conversation_id AND c.persona_id = :persona
JOIN answers a ON a.question_id = q.id AND a.finish_reason <> 'stopped'
WHERE EXISTS (SELECT FROM ratings j
              WHERE j.answer_id = a.id AND j.created_at <= :cutoff AND j.tombstone IS NULL
              AND {stands_sql(Said.RATING, "j", by="cutoff")})
"""  # noqa: S608  (the fragment is the code's own)
# Choices are those of `consensus.Choice`; who names a fault finds the answer poor, whatever the stars. In
# `tags` each bit is one of _TAGS.
_HEAR = f"""
CREATE TEMPORARY TABLE heard ON COMMIT DROP AS
SELECT j.id, h.answer, j.rater_id,
       CASE WHEN j.stars <= 2 OR j.thumb = 'down' OR j.reasons ?| CAST(:faults AS text[]) THEN 0
            WHEN j.stars = 3 THEN 1 ELSE 2 END AS choice,
       CASE WHEN j.reasons = '[]' THEN 0 ELSE
           {" + ".join(f"(j.reasons ? '{tag}')::int * {1 << bit}" for bit, tag in enumerate(_TAGS))}
       END AS tags,
       floor(extract(epoch FROM j.created_at) / 86400)::int AS day,
       lead(j.id) OVER (PARTITION BY h.answer, j.rater_id ORDER BY j.id) IS NOT NULL AS overridden
FROM ratings j
JOIN heard_answers h ON h.answer_id = j.answer_id
WHERE j.created_at <= :cutoff AND j.tombstone IS NULL AND {stands_sql(Said.RATING, "j", by="cutoff")}
"""  # noqa: S608  (the tags are the code's own)
_SPEAKERS = f"""
SELECT rater_id FROM (
    SELECT rater_id FROM heard
    UNION SELECT j.rater_id FROM corrections j
    JOIN answers a ON a.id = j.answer_id
    JOIN questions q ON q.id = a.question_id
    JOIN heard_prompts p ON p.prompt_key = q.prompt_key
    JOIN conversations c ON c.id = q.conversation_id AND c.persona_id = :persona
    WHERE j.created_at <= :cutoff AND j.tombstone IS NULL AND {stands_sql(Said.CORRECTION, "j", by="cutoff")}
    UNION SELECT k.rater_id FROM comparisons k
    JOIN answers a ON a.id = k.left_answer_id
    JOIN questions q ON q.id = a.question_id
    JOIN heard_prompts p ON p.prompt_key = q.prompt_key
    JOIN conversations c ON c.id = q.conversation_id AND c.persona_id = :persona
    WHERE k.created_at <= :cutoff AND k.tombstone IS NULL AND {stands_sql(COMPARISON, "k", by="cutoff")}
) everyone ORDER BY rater_id
"""  # noqa: S608  (the fragments are the code's own)
_NUMBER_RATERS = f"""
CREATE TEMPORARY TABLE heard_raters ON COMMIT DROP AS
SELECT rater_id, (row_number() OVER (ORDER BY rater_id) - 1)::int AS rater FROM ({_SPEAKERS}) speakers
"""  # noqa: S608  (the statement is the code's own)
_RATERS = text("SELECT rater_id::text FROM heard_raters ORDER BY rater")
_SIZE = text("SELECT count(*) AS ratings, coalesce(max(id), 0) AS newest FROM heard WHERE NOT overridden")
_NEW = text(
    "SELECT h.id FROM heard h JOIN ratings j USING (id) WHERE NOT h.overridden "
    "AND (j.created_at > :since OR h.id = ANY(CAST(:late_ratings AS bigint[])))"
)
_OPINIONS = """
SELECT h.id, h.answer::bigint, r.rater::bigint, h.choice::bigint, h.tags::bigint, h.day::bigint
FROM heard h JOIN heard_raters r USING (rater_id) WHERE NOT h.overridden ORDER BY h.id
"""


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """Ratings that count, in order of time: parallel arrays (ratings,); `raters` are ids by index.

    `answer` < answers numbers answers in the order in which `texts` streams those that were rated; `tags`
    are the reasons given with a rating, see `reasons_in`. `new` are those given after the
    instant that was asked for, or that came late; None where none was: all are.
    """

    rating: Integers
    answer: Integers
    rater: Integers
    choice: Integers
    tags: Integers
    day: Integers
    answers: int
    raters: tuple[str, ...]
    new: Mask | None


def hear(
    session: Session,
    persona: PersonaRow,
    *,
    cutoff: datetime,
    since: datetime | None = None,
    trusted: Collection[str] = (),
    late: LateWords = _NONE_LATE,
) -> Heard:
    """Gather what was said into temporary tables of this transaction, and its numbers into arrays.

    With `since`, of those prompts alone that something was said of after it or that came `late`, or ever by
    those whose ids are among the `trusted`: everything that was said of them.
    """
    known = {
        "persona": persona.id,
        "cutoff": cutoff,
        "since": since,
        "reviewed_since": since - LOOKED_BACK if since else None,
        "faults": sorted(FAULTS),
        "trusted": sorted(trusted),
        "late_prompts": list(late.prompts),
        "late_ratings": list(late.ratings),
    }
    connection = session.connection()
    _make_tables(connection, _PROMPTS_SINCE if since else _PROMPTS, known)
    raters = tuple(connection.scalars(_RATERS))
    size = connection.execute(_SIZE).one()
    # As few bytes as will do; two hold days until 2149.
    kinds = (_least(size.newest), np.int32, _least(len(raters)), np.int8, np.uint8, np.uint16)
    rating, answer, rater, choice, tags, day = (np.empty(size.ratings, dtype=kind) for kind in kinds)
    fill_columns(session, _OPINIONS, (rating, answer, rater, choice, tags, day))
    return Heard(
        rating=rating,
        answer=answer,
        rater=rater,
        choice=choice,
        tags=tags,
        day=day,
        answers=int(answer.max(initial=-1)) + 1,
        raters=raters,
        new=np.isin(rating, list(connection.scalars(_NEW, known))) if since else None,
    )


def _make_tables(connection: Connection, prompts: str, known: Mapping[str, object]) -> None:
    """What is heard, of the prompts that the statement picks, numbered: answers by text, raters by id."""
    connection.execute(text(_SORT_IN_MEMORY))
    connection.execute(text("DROP TABLE IF EXISTS heard, heard_answers, heard_raters, heard_prompts"))
    connection.execute(text(prompts), known)
    connection.execute(text("ANALYZE heard_prompts"))
    for statement in (_NUMBER_ANSWERS, _HEAR, _NUMBER_RATERS):
        connection.execute(text(statement), known)
    connection.execute(text("ANALYZE heard_answers, heard, heard_raters"))


@lru_cache(maxsize=1 << len(_TAGS))
def reasons_in(tags: int) -> frozenset[Reason]:
    """The reasons whose bits are set in the tags of one rating, or of several put together."""
    return frozenset(tag for bit, tag in enumerate(_TAGS) if tags >> bit & 1)


def _least(number: int) -> np.dtype[Any]:
    return np.dtype(np.min_scalar_type(number))
