"""How often a pair's order may be wrong: measured where several raters compared the same two answers.

It becomes the label smoothing of robust DPO, and decides whether what was compared is learnt from at all
(`drafted`); the estimate is `domain.disagreement`'s.
"""

from collections.abc import Collection
from datetime import datetime

import numpy as np
from sqlalchemy import text
from sqlalchemy.orm import Session

from services.db.feedback_tables import PersonaRow
from services.db.retractions import COMPARISON, stands_sql
from services.domain.consensus import Opinions
from services.domain.disagreement import Disagreement, Preference, measure_disagreement
from services.training_sets.texts import OF_DAY

# Taken where nobody compared what another did; a few measured pairs outweigh it.
DEFAULT_FLIP = 0.1

# Each rater's newest choice of each two answers, turned as if the answer with the smaller id stood left.
_COMPARED = text(f"""
SELECT id, dense_rank() OVER (ORDER BY one, other) - 1 AS pair, rater, choice, turned, {OF_DAY} FROM (
    SELECT DISTINCT ON (least(k.left_answer_id, k.right_answer_id),
                        greatest(k.left_answer_id, k.right_answer_id), k.rater_id)
           least(k.left_answer_id, k.right_answer_id) AS one,
           greatest(k.left_answer_id, k.right_answer_id) AS other,
           k.id, k.created_at, k.rater_id::text AS rater, k.choice,
           k.left_answer_id > k.right_answer_id AS turned
    FROM comparisons k
    JOIN answers a ON a.id = k.left_answer_id
    JOIN questions q ON q.id = a.question_id
    JOIN conversations c ON c.id = q.conversation_id AND c.persona_id = :persona
    WHERE k.created_at <= :cutoff AND k.tombstone IS NULL AND a.tombstone IS NULL
    AND {stands_sql(COMPARISON, "k", by="cutoff")}
    ORDER BY least(k.left_answer_id, k.right_answer_id), greatest(k.left_answer_id, k.right_answer_id),
             k.rater_id, k.id DESC
) newest
""")  # noqa: S608  (the fragments are the code's own)
_PREFERENCES = {
    ("left", False): Preference.LEFT,
    ("left", True): Preference.RIGHT,
    ("right", False): Preference.RIGHT,
    ("right", True): Preference.LEFT,
}


def disagreement_of(
    session: Session,
    persona: PersonaRow,
    *,
    cutoff: datetime,
    excluded: Collection[str],
    overruled: Collection[str] = (),
    daily_limit: int,
) -> Disagreement | None:
    """How often one choice between two answers goes against its pair's consensus.

    None where nobody compared: what is written in place of an answer is no choice between two. `excluded`
    are ids of raters whose word does not count, `overruled` sources; of anybody else's a day, the first
    `daily_limit` do.
    """
    compared = [
        row
        for row in session.execute(_COMPARED, {"persona": persona.id, "cutoff": cutoff})
        if row.rater not in excluded and f"comparison:{row.id}" not in overruled and row.of_day <= daily_limit
    ]
    if not compared:
        return None
    raters = {rater: number for number, rater in enumerate(sorted({row.rater for row in compared}))}
    pairs = np.array([row.pair for row in compared])
    both = {"tie": Preference.TIE, "both bad": Preference.BOTH_BAD}
    choices = [both.get(row.choice) or _PREFERENCES[row.choice, row.turned] for row in compared]
    opinions = Opinions(
        answer=pairs,
        rater=np.array([raters[row.rater] for row in compared]),
        choice=np.array(choices),
        answers=int(pairs.max()) + 1,
        raters=len(raters),
        choices=len(Preference),
    )
    return measure_disagreement(opinions, default=DEFAULT_FLIP)
