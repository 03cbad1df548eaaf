"""What became of a rater's corrections: the first version that learnt from one and then served everyone."""

from collections.abc import Collection

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from services.db.feedback_tables import CorrectionRow
from services.db.retractions import stands
from services.domain.feedback import AnswerId, RaterId, Said

# A correction is in the first set after it or in none, but for a night that was skipped or failed: so many
# versions are looked at. All there ever were would be read for one that was left out; OFFSET sees to it that
# ids, of which a set has many, are read of one set after the other.
_LEARNT = text("""
    SELECT c.id AS correction, first.number
    FROM corrections c
    JOIN answers a ON a.id = c.answer_id
    JOIN questions q ON q.id = a.question_id
    JOIN conversations talk ON talk.id = q.conversation_id
    CROSS JOIN LATERAL (
        SELECT after.number
        FROM (
            SELECT v.id, v.number, r.training_set_id
            FROM training_sets t
            JOIN training_runs r ON r.training_set_id = t.id
            JOIN adapter_versions v ON v.training_run_id = r.id
            WHERE t.persona_id = talk.persona_id AND t.cutoff >= c.created_at
                AND EXISTS (SELECT FROM promotions p WHERE p.adapter_version_id = v.id AND p.kind = 'full')
            ORDER BY v.id LIMIT 20
        ) after
        CROSS JOIN LATERAL (
            SELECT ids FROM training_set_sources
            WHERE training_set_id = after.training_set_id AND kind = 'correction' OFFSET 0
        ) s
        WHERE s.ids @> ARRAY[c.id]
        ORDER BY after.id LIMIT 1
    ) first
    WHERE c.id = ANY(:corrections)
""")


def shipped_in(session: Session, *, rater: RaterId, answers: Collection[AnswerId]) -> dict[AnswerId, int]:
    """By answer the number of that version, for the corrections that came so far."""
    if not answers:
        return {}
    mine = {
        row.id: AnswerId(row.answer_id)
        for row in session.execute(
            select(CorrectionRow.id, CorrectionRow.answer_id).where(
                CorrectionRow.rater_id == rater,
                CorrectionRow.answer_id.in_(answers),
                CorrectionRow.tombstone.is_(None),
                stands(Said.CORRECTION, CorrectionRow.id),
            )
        )
    }
    if not mine:
        return {}
    learnt = session.execute(_LEARNT, {"corrections": list(mine)})
    return {mine[row.correction]: row.number for row in learnt}
