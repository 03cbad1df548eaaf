"""What of earlier sets must not come back: prompts that are held back by now, and rows that are overtaken."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.db.feedback_tables import PersonaRow
from services.domain.examples import DropReason
from services.training_sets.judged import judged_prompts

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
# Answers that read alike are one answer; who corrects one again takes back their first words alone.
_LAST_SAID = {
    "rating": text("""
SELECT k.id, max(said.created_at) AS at
FROM ratings k
JOIN answers a ON a.id = k.answer_id
JOIN questions q ON q.id = a.question_id
JOIN questions again ON again.prompt_key = q.prompt_key
JOIN conversations c ON c.id = again.conversation_id AND c.persona_id = :persona
JOIN answers b ON b.question_id = again.id AND md5(b.text) = md5(a.text)
JOIN ratings said ON said.answer_id = b.id
WHERE k.id = ANY(:ids) AND said.created_at <= :cutoff AND said.rater_id <> ALL(CAST(:excluded AS uuid[]))
GROUP BY k.id
"""),
    "correction": text("""
SELECT k.id, max(said.created_at) AS at
FROM corrections k
JOIN corrections said ON said.answer_id = k.answer_id AND said.rater_id = k.rater_id
WHERE k.id = ANY(:ids) AND said.created_at <= :cutoff AND said.rater_id <> ALL(CAST(:excluded AS uuid[]))
GROUP BY k.id
"""),
    "comparison": text("""
SELECT k.id, max(said.created_at) AS at
FROM comparisons k
JOIN comparisons said ON (said.left_answer_id, said.right_answer_id) IN (
    (k.left_answer_id, k.right_answer_id), (k.right_answer_id, k.left_answer_id)
)
WHERE k.id = ANY(:ids) AND said.created_at <= :cutoff AND said.rater_id <> ALL(CAST(:excluded AS uuid[]))
GROUP BY k.id
"""),
}
_REASONS = {"holdout": DropReason.HELD_OUT, "quarantine": DropReason.QUARANTINED}
_SAID_BY = {
    "rating": text("SELECT id, rater_id::text AS rater FROM ratings WHERE id = ANY(:ids)"),
    "correction": text("SELECT id, rater_id::text AS rater FROM corrections WHERE id = ANY(:ids)"),
    "comparison": text("SELECT id, rater_id::text AS rater FROM comparisons WHERE id = ANY(:ids)"),
}


def held_back(session: Session, persona: PersonaRow, *, cutoff: datetime) -> dict[str, DropReason]:
    """The split keys of prompts that are not learnt from by the cutoff, each with the reason."""
    rows = session.execute(_HELD_BACK, {"persona": persona.id, "cutoff": cutoff})
    judged = dict.fromkeys(judged_prompts(session, persona, cutoff=cutoff), DropReason.JUDGED)
    return judged | {row.split_key: _REASONS[row.split] for row in rows}


def last_said(
    session: Session,
    persona: PersonaRow,
    sources: Collection[str],
    *,
    excluded: Collection[str],
    cutoff: datetime,
) -> dict[str, datetime]:
    """When something was last said up to the cutoff of what each source such as "rating:12" spoke of.

    `excluded` are ids of raters whose word does not count.
    """
    known = {"persona": persona.id, "cutoff": cutoff, "excluded": sorted(excluded)}
    found: dict[str, datetime] = {}
    for kind, statement in _LAST_SAID.items():
        if ids := _ids(sources, kind):
            rows = session.execute(statement, known | {"ids": ids})
            found |= {f"{kind}:{row.id}": row.at for row in rows}
    return found


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
