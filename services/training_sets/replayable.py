"""What of earlier sets must not come back: prompts that are held back by now, and rows that are overtaken."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import TrainingSetRow
from services.domain.examples import DropReason
from services.training_sets.gate_prompts import gate_prompts

# In order: what is both held out and in quarantine is in quarantine.
_HELD_BACK = text("""
SELECT g.split_key, g.split FROM prompt_signatures g
WHERE g.persona_id = :persona AND g.split <> 'train'
UNION ALL
SELECT s.split_key, s.split FROM prompt_splits s
WHERE s.persona_id = :persona AND s.split = 'holdout'
AND NOT EXISTS (SELECT FROM prompt_signatures g
                WHERE g.persona_id = :persona AND g.split_key = s.split_key)
UNION ALL
SELECT split_key, 'holdout' FROM evaluation_items WHERE persona_id = :persona AND imported_at <= :cutoff
UNION ALL
SELECT split_key, 'quarantine' FROM prompt_retirements WHERE persona_id = :persona AND at <= :cutoff
ORDER BY split
""")
# A review may have come late, as `late_words` has it: those of the hour before are not known to a set.
_LAST_SAID = text("""
SELECT q.prompt_key, max(said.at) AS at
FROM questions q
JOIN conversations c ON c.id = q.conversation_id AND c.persona_id = :persona
JOIN answers a ON a.question_id = q.id
CROSS JOIN LATERAL (
    SELECT max(created_at) AS at FROM ratings WHERE answer_id = a.id AND created_at <= :cutoff
    UNION ALL
    SELECT max(created_at) FROM corrections WHERE answer_id = a.id AND created_at <= :cutoff
    UNION ALL
    SELECT max(created_at) FROM comparisons WHERE left_answer_id = a.id AND created_at <= :cutoff
    UNION ALL
    SELECT max(at) FROM retractions WHERE answer_id = a.id AND at <= :cutoff
    UNION ALL
    SELECT max(at) + interval '1 hour' FROM feedback_reviews WHERE answer_id = a.id AND at <= :cutoff
) said
WHERE q.prompt_key = ANY(:keys) AND said.at IS NOT NULL
GROUP BY q.prompt_key
UNION ALL
SELECT prompt_key, max(imported_at) FROM seed_examples
WHERE persona_id = :persona AND prompt_key = ANY(:keys) AND imported_at <= :cutoff
GROUP BY prompt_key
""")
_REASONS = {"holdout": DropReason.HELD_OUT, "quarantine": DropReason.QUARANTINED}
# By what each row came from: the rows themselves may be gone. What earlier sets learnt from was replayed.
_MADE_BY_SET = text("""
WITH made AS (
    SELECT s.kind, source.id
    FROM training_set_sources s CROSS JOIN unnest(s.ids) AS source (id)
    WHERE s.training_set_id = :set
    EXCEPT
    SELECT s.kind, source.id
    FROM training_set_sources s CROSS JOIN unnest(s.ids) AS source (id)
    WHERE s.training_set_id = ANY(:earlier)
)
SELECT q.prompt_key
FROM made
JOIN (
    SELECT 'rating' AS kind, id, answer_id FROM ratings
    UNION ALL SELECT 'correction', id, answer_id FROM corrections
    UNION ALL SELECT 'comparison', id, left_answer_id FROM comparisons
) said ON said.kind = made.kind AND said.id = made.id
JOIN answers a ON a.id = said.answer_id
JOIN questions q ON q.id = a.question_id
UNION
SELECT e.prompt_key FROM made JOIN seed_examples e ON e.id = made.id WHERE made.kind = 'seed'
""")
_SAID_BY = {
    "rating": text("SELECT id, rater_id::text AS rater FROM ratings WHERE id = ANY(:ids)"),
    "correction": text("SELECT id, rater_id::text AS rater FROM corrections WHERE id = ANY(:ids)"),
    "comparison": text("SELECT id, rater_id::text AS rater FROM comparisons WHERE id = ANY(:ids)"),
}


def held_back(session: Session, persona: PersonaRow, *, cutoff: datetime) -> dict[str, DropReason]:
    """The split keys of prompts that are not learnt from by the cutoff, each with the reason."""
    rows = session.execute(_HELD_BACK, {"persona": persona.id, "cutoff": cutoff})
    asked = dict.fromkeys(gate_prompts(session, persona, cutoff=cutoff), DropReason.ASKED_BY_GATE)
    return asked | {row.split_key: _REASONS[row.split] for row in rows}


def last_said(
    session: Session, persona: PersonaRow, keys: Iterable[str], *, cutoff: datetime
) -> dict[str, datetime]:
    """When something was last said of each prompt, by prompt key, up to the cutoff."""
    known = {"persona": persona.id, "cutoff": cutoff, "keys": sorted(set(keys))}
    found: dict[str, datetime] = {}
    for row in session.execute(_LAST_SAID, known):
        found[row.prompt_key] = max(row.at, found.get(row.prompt_key, row.at))
    return found


def prompts_made_by(
    session: Session, training_set: TrainingSetRow, earlier: Sequence[TrainingSetRow]
) -> Sequence[str]:
    """The keys of the prompts that a set has rows of which are of none of the earlier ones."""
    known = {"set": training_set.id, "earlier": [one.id for one in earlier]}
    return session.scalars(_MADE_BY_SET, known).all()


def raters_of(session: Session, sources: Collection[str]) -> dict[str, str]:
    """Who said each source such as "rating:12", by the rater's id; a seed is nobody's."""
    said: dict[str, str] = {}
    for kind, statement in _SAID_BY.items():
        if ids := _ids(sources, kind):
            rows = session.execute(statement, {"ids": ids}).all()
            said |= {f"{kind}:{number}": rater for number, rater in rows}
    return said


def _ids(sources: Collection[str], kind: str) -> list[int]:
    return [int(number) for name, _, number in (one.partition(":") for one in sources) if name == kind]
