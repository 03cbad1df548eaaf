"""Which prompts are one prompt with small edits: each joins a cluster once, and takes the cluster's split.

Done before a set is assembled, for the prompts that are new since: they are compared with each other and with
all that came before. What makes two prompts near duplicates is `deduplication`'s.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from sys import intern

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import insert, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from services.db.feedback_tables import PersonaRow
from services.db.prompt_tables import PromptRetirementRow, PromptSignatureRow
from services.db.streaming import stream
from services.domain.conversation import Question, user_text
from services.domain.splits import Split
from services.training_sets.deduplication import SIGNATURE_VERSION, Signatures, Signing, clusters, sign

_CHUNK = 2_000  # rows written or read at once

_PROMPTS = """
    SELECT q.split_key, q.text AS question, q.context, q.asked_at AS first_seen, false AS judges
    FROM questions q JOIN conversations c ON c.id = q.conversation_id
    WHERE c.persona_id = :persona AND q.asked_at <= :cutoff
    UNION ALL
    SELECT split_key, text, context, imported_at, false FROM seed_examples
    WHERE persona_id = :persona AND imported_at <= :cutoff
    UNION ALL
    SELECT split_key, text, context, imported_at, true FROM evaluation_items
    WHERE persona_id = :persona AND imported_at <= :cutoff
"""
# What judges is held out whatever was drawn for it. A question without an answer has no split yet.
_NEW = text(f"""
SELECT DISTINCT ON (p.split_key) p.split_key, p.question, p.context, p.judges,
       CASE WHEN p.judges THEN 'holdout' ELSE s.split END AS split
FROM ({_PROMPTS}) p
LEFT JOIN prompt_splits s ON s.persona_id = :persona AND s.split_key = p.split_key
LEFT JOIN prompt_signatures g ON g.persona_id = :persona AND g.split_key = p.split_key
WHERE g.split_key IS NULL AND (p.judges OR s.split IS NOT NULL)
ORDER BY p.split_key, p.judges DESC, p.first_seen
""")  # noqa: S608  (the fragment is the code's own)
# Signed by other rules than those of now: cluster and split hold for ever, what is compared does not.
_OUTDATED = text(f"""
SELECT DISTINCT ON (p.split_key) p.split_key, p.question, p.context
FROM ({_PROMPTS}) p
JOIN prompt_signatures g ON g.persona_id = :persona AND g.split_key = p.split_key
WHERE g.version <> :version
ORDER BY p.split_key, p.first_seen
""")  # noqa: S608  (the fragment is the code's own)
_ALWAYS = datetime.max.replace(tzinfo=UTC)
_KNOWN = text("""
SELECT split_key, cluster, split, bands, words FROM prompt_signatures
WHERE persona_id = :persona AND version = :version ORDER BY split_key
""")
_RETIRE_LEARNT = text("""
INSERT INTO prompt_retirements (persona_id, split_key, reason, at)
SELECT DISTINCT e.persona_id, e.split_key, 'it was learnt from before it was to judge', :cutoff
FROM evaluation_items e
JOIN prompt_signatures g ON g.persona_id = e.persona_id AND g.split_key = e.split_key
WHERE e.persona_id = :persona AND e.imported_at <= :cutoff AND g.split <> 'holdout'
ON CONFLICT DO NOTHING
""")


@dataclass(frozen=True, slots=True)
class Clustered:
    """How many prompts were new, joined a cluster, bridged two splits, and how many judge no more by it."""

    new: int = 0
    joined: int = 0
    quarantined: int = 0
    retired: int = 0


@dataclass(slots=True)
class _Prompts:
    """Parallel lists: `new` prompts that come in, and then those that have a cluster."""

    keys: list[str] = field(default_factory=list)
    clusters: list[str] = field(default_factory=list)
    splits: list[str] = field(default_factory=list)
    judges: set[int] = field(default_factory=set)  # positions of evaluation items
    new: int = 0

    def add(self, key: str, cluster: str, split: str) -> None:
        self.keys.append(key)
        self.clusters.append(intern(cluster) if cluster != key else key)
        self.splits.append(intern(split))


@dataclass(frozen=True, slots=True)
class _Place:
    cluster: str
    split: str


def cluster_new(session: Session, persona: PersonaRow, *, cutoff: datetime) -> Clustered:
    """Give every prompt seen up to the cutoff a cluster, unless it has one: the first placing holds for ever.

    A new prompt near prompts of one split takes that split. One that is near held-out and training prompts
    alike is quarantined, and the held-out ones judge no more: they could be learnt from by way of it.
    """
    _retire_learnt_items(session, persona, cutoff=cutoff)
    prompts, signing = _Prompts(), Signing()
    signing.sign(_read_new(session, persona, prompts, cutoff=cutoff))
    prompts.new = len(prompts.keys)
    _sign_anew(session, persona)
    if not prompts.new:
        return Clustered()
    _read_known(session, persona, prompts, signing)
    signatures = signing.signatures()
    retired = _place(prompts, clusters(signatures))
    _write(session, persona, prompts, signatures, at=cutoff)
    _retire(session, persona, retired, at=cutoff)
    new = range(prompts.new)
    return Clustered(
        new=prompts.new,
        joined=sum(prompts.clusters[position] != prompts.keys[position] for position in new),
        quarantined=sum(prompts.splits[position] == Split.QUARANTINE for position in new),
        retired=len(retired),
    )


def _read_known(session: Session, persona: PersonaRow, prompts: _Prompts, signing: Signing) -> None:
    known = {"persona": persona.id, "version": SIGNATURE_VERSION}
    for rows in stream(session, _KNOWN, known, chunk=_CHUNK).partitions(_CHUNK):
        for row in rows:
            prompts.add(row.split_key, row.cluster, row.split)
        signing.add([row.bands for row in rows], [row.words for row in rows])


def _read_new(session: Session, persona: PersonaRow, prompts: _Prompts, *, cutoff: datetime) -> Iterator[str]:
    for row in stream(session, _NEW, {"persona": persona.id, "cutoff": cutoff}, chunk=_CHUNK):
        if row.judges:
            prompts.judges.add(len(prompts.keys))
        prompts.add(row.split_key, row.split_key, row.split)
        yield user_text(Question(row.question, "", "", row.context))


def _sign_anew(session: Session, persona: PersonaRow) -> None:
    """Sign again what was signed by other rules than those of now: the two cannot be compared."""
    known = {"persona": persona.id, "cutoff": _ALWAYS, "version": SIGNATURE_VERSION}
    for rows in stream(session, _OUTDATED, known, chunk=_CHUNK).partitions(_CHUNK):
        signed = sign(user_text(Question(row.question, "", "", row.context)) for row in rows)
        changes = [
            {
                "persona_id": persona.id,
                "split_key": row.split_key,
                "version": SIGNATURE_VERSION,
                "bands": signed.bands[place].tobytes(),
                "words": signed.words_of(place).tobytes(),
            }
            for place, row in enumerate(rows)
        ]
        session.execute(update(PromptSignatureRow), changes)


def _place(prompts: _Prompts, found: NDArray[np.int64]) -> list[str]:
    """Give each new prompt its place; the keys of held-out prompts that retire.

    `found` (prompts,) has the position of each group's first member. Whoever is alone keeps what was drawn.
    """
    retired: list[str] = []
    together = np.flatnonzero(np.bincount(found)[found] > 1)
    together = together[np.argsort(found[together], kind="stable")]
    for group in np.split(together, np.flatnonzero(np.diff(found[together])) + 1):
        members = group.tolist()
        arrived = [position for position in members if position < prompts.new]
        if arrived:
            place, leaving = _join(prompts, members[len(arrived) :], arrived)
            retired += [prompts.keys[position] for position in leaving]
            for position in arrived:
                prompts.clusters[position], prompts.splits[position] = place.cluster, place.split
    return retired


def _join(prompts: _Prompts, old: list[int], arrived: list[int]) -> tuple[_Place, list[int]]:
    """Where the newcomers of one group go, and which of the group retire by it."""
    if not old:
        # Nothing of the group was used yet: one that is held out keeps all of them out of training.
        held_out = [position for position in arrived if prompts.splits[position] == Split.HOLDOUT]
        first = (held_out or arrived)[0]
        return _Place(prompts.keys[first], prompts.splits[first]), []
    splits = {prompts.splits[position] for position in old}
    if {Split.TRAIN.value, Split.HOLDOUT.value} <= splits:
        leaving = [position for position in old if prompts.splits[position] == Split.HOLDOUT]
        return _Place(prompts.clusters[old[0]], Split.QUARANTINE.value), leaving
    quarantined = Split.QUARANTINE.value in splits
    split = Split.QUARANTINE.value if quarantined else prompts.splits[old[0]]
    # A new item is no judge of what is learnt already.
    leaving = [position for position in arrived if position in prompts.judges and split != Split.HOLDOUT]
    return _Place(prompts.clusters[old[0]], split), leaving


def _write(
    session: Session,
    persona: PersonaRow,
    prompts: _Prompts,
    signatures: Signatures,
    *,
    at: datetime,
) -> None:
    for start in range(0, prompts.new, _CHUNK):
        chunk = [
            {
                "persona_id": persona.id,
                "split_key": prompts.keys[row],
                "cluster": prompts.clusters[row],
                "split": prompts.splits[row],
                "version": SIGNATURE_VERSION,
                "bands": signatures.bands[row].tobytes(),
                "words": signatures.words_of(row).tobytes(),
                "assigned_at": at,
            }
            for row in range(start, min(start + _CHUNK, prompts.new))
        ]
        session.execute(insert(PromptSignatureRow), chunk)
    # What follows joins with them, and nobody else can count them before this transaction ends.
    session.execute(text("SELECT count_rows('prompt_signatures')"))


def _retire(session: Session, persona: PersonaRow, keys: list[str], *, at: datetime) -> None:
    reason = "a prompt was seen that is like it and like training prompts"
    rows = [{"persona_id": persona.id, "split_key": key, "reason": reason, "at": at} for key in keys]
    if rows:
        session.execute(upsert(PromptRetirementRow).on_conflict_do_nothing(), rows)


def _retire_learnt_items(session: Session, persona: PersonaRow, *, cutoff: datetime) -> None:
    """Items whose prompt came in earlier, as one to learn from: they are no judges, and learnt no more."""
    session.execute(_RETIRE_LEARNT, {"persona": persona.id, "cutoff": cutoff})
