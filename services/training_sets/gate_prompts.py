"""Which prompts gates have asked: they took part in a verdict, and are never learnt from.

Held-out prompts and items are kept out of training by where they stand. This holds for what a gate has asked
even where that is gone: an item that was deleted, a split that was restored from elsewhere.
"""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.db.feedback_tables import PersonaRow
from services.domain.conversation import Question
from services.domain.splits import split_key

_ASKED = text("""
SELECT DISTINCT item ->> 'key' AS key, item -> 'question' ->> 'text' AS asked,
       item -> 'question' ->> 'context' AS context
FROM evaluation_suites s CROSS JOIN LATERAL jsonb_array_elements(s.items) item
WHERE s.persona_id = :persona AND s.created_at <= :cutoff
""")
_KNOWN_AS = text("""
SELECT split_key FROM seed_examples WHERE persona_id = :persona AND prompt_key = ANY(:keys)
UNION
SELECT q.split_key FROM questions q
JOIN conversations c ON c.id = q.conversation_id AND c.persona_id = :persona
WHERE q.prompt_key = ANY(:keys)
""")


def gate_prompts(session: Session, persona: PersonaRow, *, cutoff: datetime) -> frozenset[str]:
    """The split keys of all prompts in suites frozen for the persona up to the cutoff.

    By what the suites say, and by prompt key: a suite has no text that is private, the journal has.
    """
    asked = session.execute(_ASKED, {"persona": persona.id, "cutoff": cutoff}).all()
    if not asked:
        return frozenset()
    said = {split_key(Question(row.asked, "", "", row.context)) for row in asked}
    keys = sorted({row.key for row in asked})
    return frozenset(said.union(session.scalars(_KNOWN_AS, {"persona": persona.id, "keys": keys})))
