"""What raters took back of all that was heard, up to an instant."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.db.feedback_tables import PersonaRow
from services.db.streaming import stream

_CHUNK = 500
_TAKEN_BACK = text("""
SELECT CASE WHEN t.rating_id IS NOT NULL THEN 'rating' WHEN t.correction_id IS NOT NULL THEN 'correction'
            ELSE 'comparison' END AS kind,
       coalesce(t.rating_id, t.correction_id, t.comparison_id) AS id
FROM retractions t
JOIN answers a ON a.id = t.answer_id
JOIN questions q ON q.id = a.question_id
JOIN heard_prompts p ON p.prompt_key = q.prompt_key
JOIN conversations c ON c.id = q.conversation_id AND c.persona_id = :persona
LEFT JOIN ratings j ON j.id = t.rating_id
LEFT JOIN corrections k ON k.id = t.correction_id
LEFT JOIN comparisons o ON o.id = t.comparison_id
WHERE t.at <= :cutoff AND t.comment_id IS NULL AND coalesce(j.tombstone, k.tombstone, o.tombstone) IS NULL
ORDER BY kind, id
""")


def stream_taken_back(session: Session, persona: PersonaRow, *, cutoff: datetime) -> Iterator[str]:
    """The sources, as "rating:12", of prompts that were heard, which their rater took back by the cutoff."""
    known = {"persona": persona.id, "cutoff": cutoff}
    for row in stream(session, _TAKEN_BACK, known, chunk=_CHUNK):
        yield f"{row.kind}:{row.id}"
