"""The leak report of a set: what stands between what is learnt and what judges, looked at anew for each set.

Which prompts were taken out and why, how near the nearest held-out prompt comes to a training prompt, and
which rows stay away because a gate has asked them. It decides nothing: `clustering` and `preparing` did.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.db.feedback_tables import PersonaRow
from services.db.streaming import stream
from services.domain.examples import DropReason
from services.training_sets.deduplication import SIGNATURE_VERSION, Signing, nearest_across
from services.training_sets.privacy import mask

SHOWN = 20  # prompts of each list
_LONGEST = 100  # characters of a prompt that are shown
_CHUNK = 2_000

_TAKEN_OUT = {
    "quarantined": text("""
        SELECT split_key, :reason AS reason, count(*) OVER () AS prompts FROM prompt_signatures
        WHERE persona_id = :persona AND split = 'quarantine' AND assigned_at <= :cutoff
        ORDER BY assigned_at DESC, split_key LIMIT :shown
    """),
    "retired": text("""
        SELECT split_key, reason, count(*) OVER () AS prompts FROM prompt_retirements
        WHERE persona_id = :persona AND at <= :cutoff ORDER BY at DESC, split_key LIMIT :shown
    """),
}
_ASKED = text("""
SELECT DISTINCT ON (split_key) split_key, text FROM (
    SELECT split_key, text FROM evaluation_items WHERE persona_id = :persona AND split_key = ANY(:keys)
    UNION ALL
    SELECT split_key, text FROM seed_examples WHERE persona_id = :persona AND split_key = ANY(:keys)
    UNION ALL
    SELECT q.split_key, q.text FROM questions q
    JOIN conversations c ON c.id = q.conversation_id AND c.persona_id = :persona
    WHERE q.split_key = ANY(:keys)
) asked ORDER BY split_key, text
""")
_SIGNED = """
SELECT bands, words FROM prompt_signatures
WHERE persona_id = :persona AND version = :version AND split = :split AND assigned_at <= :cutoff {which}
"""


def find_leaks(
    session: Session,
    persona: PersonaRow,
    *,
    cutoff: datetime,
    learnt: Collection[str] | None,
    dropped: Mapping[DropReason, int],
) -> dict[str, Any]:
    """`learnt` are the split keys of the set's rows, None for every prompt of the training side."""
    return {
        **{name: _taken_out(session, persona, name, cutoff=cutoff) for name in _TAKEN_OUT},
        "nearest": _nearest(session, persona, cutoff=cutoff, learnt=learnt),
        "asked_by_a_gate": dropped.get(DropReason.ASKED_BY_GATE, 0),
    }


def _taken_out(session: Session, persona: PersonaRow, name: str, *, cutoff: datetime) -> dict[str, Any]:
    """How many prompts, and of the newest what they say and why."""
    known = {
        "persona": persona.id,
        "cutoff": cutoff,
        "shown": SHOWN,
        "reason": DropReason.QUARANTINED.value,
    }
    rows = session.execute(_TAKEN_OUT[name], known).all()
    keys = [row.split_key for row in rows]
    asked = session.execute(_ASKED, {"persona": persona.id, "keys": keys}) if keys else ()
    texts = {row.split_key: mask(row.text).text[:_LONGEST] for row in asked}
    return {
        "prompts": rows[0].prompts if rows else 0,
        "newest": [{"prompt": texts.get(row.split_key, row.split_key), "why": row.reason} for row in rows],
    }


def _nearest(
    session: Session, persona: PersonaRow, *, cutoff: datetime, learnt: Collection[str] | None
) -> dict[str, Any]:
    """The highest similarity of a training prompt with a held-out one, and how many are near duplicates."""
    signing = Signing()
    known: dict[str, object] = {"persona": persona.id, "version": SIGNATURE_VERSION, "cutoff": cutoff}
    which = "" if learnt is None else "AND split_key = ANY(:keys)"
    training = known | {"split": "train", "keys": sorted(learnt or ())}
    _read(session, signing, training, which=which)
    prompts = len(signing)
    _read(session, signing, known | {"split": "holdout"})
    highest, near = nearest_across(signing.signatures(), first=prompts)
    return {
        "training_prompts": prompts,
        "held_out_prompts": len(signing) - prompts,
        "highest_similarity": round(highest, 3),
        "near_duplicates": near,
    }


def _read(session: Session, signing: Signing, known: Mapping[str, object], *, which: str = "") -> None:
    signed = stream(session, text(_SIGNED.format(which=which)), known, chunk=_CHUNK)
    for rows in signed.partitions(_CHUNK):
        signing.add([row.bands for row in rows], [row.words for row in rows])
