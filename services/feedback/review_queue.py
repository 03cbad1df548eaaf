"""What waits for a reviewer: answers with feedback that is flagged, disputed or quarantined.

Nothing is marked when it is said: what waits follows from the journals, the newest training set's account of
whom it left out, and what was decided since. Disputes are looked for among what was rated last.

A dispute holds nothing back: whatever was not overruled counts in training sets, and their consensus weighs
the ratings against each other. So it waits for somebody's look, not for a word on each rating: a decision on
one, whatever it says, ends it until the answer is rated again. To settle it is to overrule what is wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.db.feedback_tables import PersonaRow
from services.db.retractions import COMPARISON, stands_sql
from services.domain.examples import DropReason
from services.domain.feedback import AnswerId, Said
from services.domain.reviews import Source, Why
from services.feedback.overruling import not_overruled

RECENT = 2_000  # ratings, of all personas, and as many comparisons
EACH = 20  # ratings of each rater under review, whom a person decides about by some of them
PAGE = 20
COUNTED = 50  # answers, on a page that only says how many there are

# Whom the newest training set left out, and why, by their ids; none where no rater was.
LEFT_OUT = """
    SELECT report -> 'raters' -> 'left_out' FROM training_sets
    WHERE persona_id = :persona AND redacted_at IS NULL AND NOT policy ? 'without'
    ORDER BY cutoff DESC, id DESC LIMIT 1
"""
# What somebody overruled or whoever is banned said makes nobody wait. Of a trusted rater nothing is held.
_CAUSES = """
WITH decided AS (
    SELECT DISTINCT ON (rater_id) rater_id, verdict FROM rater_reviews ORDER BY rater_id, id DESC
),
held AS (
    SELECT CAST(key AS uuid) AS rater_id FROM jsonb_each_text(({left_out}))
    WHERE value = :under_review AND CAST(key AS uuid) NOT IN (SELECT rater_id FROM decided)
),
last AS (
    SELECT r.answer_id, max(r.id) AS id, max(r.created_at) AS at,
           bool_or({good}) AS good, bool_or({poor}) AS poor
    FROM ({last}) r JOIN current_ratings c ON c.rating_id = r.id
    WHERE ({good} OR {poor}) AND {counts}
    GROUP BY r.answer_id
),
chosen AS (
    SELECT DISTINCT ON (rater_id, one, other) *
    FROM (SELECT *, least(left_answer_id, right_answer_id) AS one,
                 greatest(left_answer_id, right_answer_id) AS other
          FROM comparisons k WHERE {choice_stands}
          ORDER BY id DESC LIMIT :recent) recently
    ORDER BY rater_id, one, other, id DESC
),
compared AS (
    SELECT k.*, (choice = 'left') = (left_answer_id < right_answer_id) AS for_one
    FROM chosen k
    WHERE choice IN ('left', 'right') AND tombstone IS NULL
    AND NOT EXISTS (SELECT FROM decided d WHERE d.rater_id = k.rater_id AND d.verdict = 'excluded')
    AND NOT EXISTS (SELECT FROM feedback_reviews v WHERE v.comparison_id = k.id)
),
causes AS (
    SELECT r.answer_id, 'flagged' AS why, 'rating' AS kind, r.id, r.created_at AS at
    FROM ratings r JOIN current_ratings c ON c.rating_id = r.id
    WHERE r.reasons ? 'unsafe' AND {counts}
    AND NOT EXISTS (SELECT FROM feedback_reviews v WHERE v.rating_id = r.id)
    UNION ALL
    SELECT answer_id, 'disputed', 'rating', id, at FROM last
    WHERE EXISTS (
        SELECT FROM current_ratings c JOIN ratings r ON r.id = c.rating_id
        WHERE c.answer_id = last.answer_id AND (last.good AND {poor} OR last.poor AND {good}) AND {counts}
    ) AND NOT EXISTS (SELECT FROM feedback_reviews v
                      WHERE v.answer_id = last.answer_id AND v.rating_id IS NOT NULL AND v.at >= last.at)
    UNION ALL
    SELECT one, 'disputed', 'comparison', max(id), max(created_at)
    FROM compared GROUP BY one, other HAVING bool_or(for_one) AND NOT bool_and(for_one)
    UNION ALL
    SELECT r.answer_id, 'quarantined', 'rating', max(r.id), min(r.created_at)
    FROM ({said}) r JOIN current_ratings c ON c.rating_id = r.id
    WHERE r.tombstone IS NULL
    GROUP BY r.answer_id
    UNION ALL
    SELECT left_answer_id, 'quarantined', 'comparison', max(id), min(created_at)
    FROM chosen k JOIN held USING (rater_id)
    WHERE tombstone IS NULL
    AND NOT EXISTS (SELECT FROM feedback_reviews v WHERE v.comparison_id = k.id)
    GROUP BY left_answer_id
    UNION ALL
    SELECT k.answer_id, 'quarantined', 'correction', k.id, k.created_at
    FROM corrections k JOIN held USING (rater_id)
    WHERE k.tombstone IS NULL
    AND {stands}
    AND NOT EXISTS (SELECT FROM corrections n WHERE n.answer_id = k.answer_id
                    AND n.rater_id = k.rater_id AND n.id > k.id AND n.tombstone IS NULL
                    AND {newer_stands})
    AND NOT EXISTS (SELECT FROM feedback_reviews v WHERE v.correction_id = k.id)
),
waiting AS (
    SELECT causes.*, q.text AS question
    FROM causes
    JOIN answers a ON a.id = causes.answer_id AND a.tombstone IS NULL
    JOIN questions q ON q.id = a.question_id
    JOIN conversations c ON c.id = q.conversation_id AND c.persona_id = :persona
    WHERE causes.answer_id = CAST(:answer AS uuid) OR CAST(:answer AS uuid) IS NULL
)
"""
_RULES = {
    "left_out": LEFT_OUT,
    "stands": stands_sql(Said.CORRECTION, "k"),
    "choice_stands": stands_sql(COMPARISON, "k"),
    "newer_stands": stands_sql(Said.CORRECTION, "n"),
    "good": "coalesce(r.stars >= 4, r.thumb = 'up')",
    "poor": "coalesce(r.stars <= 2, r.thumb = 'down')",
    "counts": f"""
        r.tombstone IS NULL
        AND NOT EXISTS (SELECT FROM decided d WHERE d.rater_id = r.rater_id AND d.verdict = 'excluded')
        AND {not_overruled("r")}
    """,
}
_UNDECIDED = "NOT EXISTS (SELECT FROM feedback_reviews v WHERE v.rating_id = r.id)"
# Of each rater under review the newest: in the index of raters, never among all ratings.
_OF_ALL = _CAUSES.format(
    last="SELECT * FROM ratings ORDER BY id DESC LIMIT :recent",
    said=f"""
        SELECT newest.* FROM held CROSS JOIN LATERAL (
            SELECT * FROM ratings r WHERE r.rater_id = held.rater_id AND {_UNDECIDED}
            ORDER BY r.id DESC LIMIT :each
        ) newest
    """,  # noqa: S608
    **_RULES,
)
_OF_ONE = _CAUSES.format(
    last="SELECT * FROM ratings WHERE answer_id = CAST(:answer AS uuid)",
    said=f"""
        SELECT r.* FROM ratings r JOIN held USING (rater_id)
        WHERE r.answer_id = CAST(:answer AS uuid) AND {_UNDECIDED}
    """,  # noqa: S608
    **_RULES,
)
_PAGE = text(f"""{_OF_ALL}
SELECT w.answer_id, w.question, array_agg(DISTINCT w.why) AS whys, min(w.at) AS since, l.actor AS holder
FROM waiting w
LEFT JOIN review_locks l ON l.answer_id = w.answer_id AND l.expires_at > :at
GROUP BY w.answer_id, w.question, l.actor
HAVING CAST(:after_at AS timestamptz) IS NULL OR (min(w.at), w.answer_id) > (:after_at, CAST(:after AS uuid))
ORDER BY min(w.at), w.answer_id
LIMIT :limit
""")  # noqa: S608  (the fragments are the code's own)
# Twice as many things as are counted of answers: most of these wait for one or two.
_COUNT = text(f"""{_OF_ALL}
SELECT count(DISTINCT answer_id) FROM (SELECT answer_id FROM waiting LIMIT 2 * :most) the_first
""")  # noqa: S608
_WHY = text(f"{_OF_ONE} SELECT why, kind, id FROM waiting ORDER BY at, kind, id")  # noqa: S608


@dataclass(frozen=True, slots=True)
class Waiting:
    """An answer; `since` is when the oldest thing that waits was said, `holder` who looks at it now."""

    answer_id: AnswerId
    question: str
    whys: tuple[Why, ...]
    since: datetime
    holder: str | None


@dataclass(frozen=True, slots=True)
class Cause:
    why: Why
    source: Source


def waiting(
    session: Session,
    persona: PersonaRow,
    *,
    at: datetime,
    after: tuple[datetime, UUID] | None = None,
    limit: int = PAGE,
) -> list[Waiting]:
    """Oldest first; from the one after `after` on, which is such a one's `since` and answer."""
    since, answer = after or (None, None)
    known = _known(persona) | {"at": at, "after_at": since, "after": answer, "limit": limit}
    rows = session.execute(_PAGE, known)
    return [
        Waiting(
            AnswerId(row.answer_id), row.question, tuple(map(Why, sorted(row.whys))), row.since, row.holder
        )
        for row in rows
    ]


def count_waiting(session: Session, persona: PersonaRow) -> int:
    """How many answers wait; COUNTED of them where there are more."""
    return min(session.scalar(_COUNT, _known(persona) | {"most": COUNTED}) or 0, COUNTED)


def causes_of(session: Session, persona: PersonaRow, answer_id: AnswerId) -> Sequence[Cause]:
    """Why an answer waits, oldest first; nothing once all of it was decided."""
    rows = session.execute(_WHY, _known(persona) | {"answer": answer_id})
    return [Cause(Why(row.why), Source(row.kind, row.id)) for row in rows]


def _known(persona: PersonaRow) -> dict[str, object]:
    return {
        "persona": persona.id,
        "under_review": DropReason.RATER_FLAGGED.value,
        "recent": RECENT,
        "each": EACH,
        "answer": None,
    }
