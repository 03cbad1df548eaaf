"""How much was said since the last night that was learnt: whether it is worth a night at all."""

from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.adapters.freezing import thaw
from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import TrainingSetRow
from services.db.retractions import COMPARISON, stands_sql
from services.domain.example_policy import ExamplePolicy
from services.domain.examples import DropReason
from services.domain.feedback import Said
from services.errors.artifacts import FrozenFileCorrupt
from services.training_sets.conditions import newest_learnt
from services.training_sets.late_words import find_late
from services.training_sets.remembering import read_memory
from services.training_sets.skipping import Skipped

_COUNT = text(f"""
SELECT (SELECT count(*) FROM ratings j JOIN answers a ON a.id = j.answer_id
        JOIN questions q ON q.id = a.question_id
        JOIN conversations c ON c.id = q.conversation_id AND c.persona_id = :persona
        WHERE j.created_at > :after AND j.created_at <= :until
        AND j.tombstone IS NULL AND q.tombstone IS NULL AND {stands_sql(Said.RATING, "j", by="until")})
     + (SELECT count(*) FROM corrections j JOIN answers a ON a.id = j.answer_id
        JOIN questions q ON q.id = a.question_id
        JOIN conversations c ON c.id = q.conversation_id AND c.persona_id = :persona
        WHERE j.created_at > :after AND j.created_at <= :until
        AND j.tombstone IS NULL AND q.tombstone IS NULL AND {stands_sql(Said.CORRECTION, "j", by="until")})
     + (SELECT count(*) FROM comparisons j JOIN answers a ON a.id = j.left_answer_id
        JOIN questions q ON q.id = a.question_id
        JOIN conversations c ON c.id = q.conversation_id AND c.persona_id = :persona
        WHERE j.created_at > :after AND j.created_at <= :until
        AND j.tombstone IS NULL AND q.tombstone IS NULL AND {stands_sql(COMPARISON, "j", by="until")})
     + (SELECT count(*) FROM seed_examples
        WHERE persona_id = :persona AND imported_at > :after AND imported_at <= :until)
""")  # noqa: S608  (the fragments are the code's own)


def count_new(
    session: Session, persona: PersonaRow, *, learnt: TrainingSetRow | None, until: datetime, store_url: str
) -> int:
    """Ratings, corrections, comparisons and imported examples up to an instant that a set does not know yet.

    Those said after its cutoff, and those that were written down too late for it; all, where none was learnt.
    """
    after = learnt.cutoff if learnt else datetime.min.replace(tzinfo=until.tzinfo)
    bounds = {"persona": persona.id, "after": after, "until": until}
    late = _count_late(session, persona, learnt, store_url) if learnt else 0
    return int(session.scalar(_COUNT, bounds) or 0) + late


def too_little_new(
    session: Session, persona: PersonaRow, policy: ExamplePolicy, *, until: datetime, store_url: str
) -> Skipped | None:
    """Why what was said up to an instant is not worth a set; None where it may be."""
    learnt = newest_learnt(session, persona, before=until)
    new = count_new(session, persona, learnt=learnt, until=until, store_url=store_url)
    if new >= policy.minimum_new:
        return None
    reason = f"{persona.slug}: {new} new pieces of feedback, and {policy.minimum_new} are needed"
    return Skipped(reason, dropped={DropReason.TOO_LITTLE_NEW.value: new})


def _count_late(session: Session, persona: PersonaRow, learnt: TrainingSetRow, store_url: str) -> int:
    """As far as the set's memory is there to tell."""
    kept = learnt.report.get("memory")
    if kept is None:  # of an earlier release
        return 0
    with TemporaryDirectory(prefix="counting-") as folder:
        try:
            file = thaw(store_url, kept["path"], digest=kept["digest"], into=Path(folder))
        except FrozenFileCorrupt:  # the night says so, where it would have read it
            return 0
        seen = read_memory(file).seen
    return find_late(session, persona, since=learnt.cutoff, seen=seen).words
