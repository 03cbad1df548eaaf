"""How much was said since the last night that was learnt: whether it is worth a night at all."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.db.feedback_tables import PersonaRow

_COUNT = text("""
SELECT (SELECT count(*) FROM ratings j JOIN answers a ON a.id = j.answer_id
        JOIN questions q ON q.id = a.question_id
        JOIN conversations c ON c.id = q.conversation_id AND c.persona_id = :persona
        WHERE j.created_at > :after AND j.created_at <= :until)
     + (SELECT count(*) FROM corrections j JOIN answers a ON a.id = j.answer_id
        JOIN questions q ON q.id = a.question_id
        JOIN conversations c ON c.id = q.conversation_id AND c.persona_id = :persona
        WHERE j.created_at > :after AND j.created_at <= :until)
     + (SELECT count(*) FROM comparisons j JOIN answers a ON a.id = j.left_answer_id
        JOIN questions q ON q.id = a.question_id
        JOIN conversations c ON c.id = q.conversation_id AND c.persona_id = :persona
        WHERE j.created_at > :after AND j.created_at <= :until)
     + (SELECT count(*) FROM seed_examples
        WHERE persona_id = :persona AND imported_at > :after AND imported_at <= :until)
""")


def count_new(session: Session, persona: PersonaRow, *, after: datetime | None, until: datetime) -> int:
    """Ratings, corrections, comparisons and imported examples after one instant and up to another."""
    bounds = {
        "persona": persona.id,
        "after": after or datetime.min.replace(tzinfo=until.tzinfo),
        "until": until,
    }
    return int(session.scalar(_COUNT, bounds) or 0)
