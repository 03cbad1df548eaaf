"""Which prompts are one prompt with small edits: each joins a cluster once, and takes the cluster's split.

Done before a set is assembled, for the prompts that are new since: they are compared with each other and with
all that came before. What makes two prompts near duplicates is `deduplication`'s.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from sqlalchemy import insert, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from services.db.feedback_tables import PersonaRow
from services.db.prompt_tables import PromptRetirementRow, PromptSignatureRow
from services.db.streaming import stream
from services.domain.conversation import Question, user_text
from services.domain.splits import Split
from services.training_sets.deduplication import BANDS, SIGNATURE_VERSION, Signatures, clusters, sign
from services.training_sets.small_edits import LEADING_WORDS

_CHUNK = 2_000  # rows written or read at once

# What judges is held out whatever was drawn for it. A question without an answer has no split yet.
_NEW = text("""
SELECT DISTINCT ON (p.split_key) p.split_key, p.question, p.context, p.judges,
       CASE WHEN p.judges THEN 'holdout' ELSE s.split END AS split
FROM (
    SELECT q.split_key, q.text AS question, q.context, q.asked_at AS first_seen, false AS judges
    FROM questions q JOIN conversations c ON c.id = q.conversation_id
    WHERE c.persona_id = :persona AND q.asked_at <= :cutoff
    UNION ALL
    SELECT split_key, text, context, imported_at, false FROM seed_examples
    WHERE persona_id = :persona AND imported_at <= :cutoff
    UNION ALL
    SELECT split_key, text, context, imported_at, true FROM evaluation_items
    WHERE persona_id = :persona AND imported_at <= :cutoff
) p
LEFT JOIN prompt_splits s ON s.persona_id = :persona AND s.split_key = p.split_key
LEFT JOIN prompt_signatures g ON g.persona_id = :persona AND g.split_key = p.split_key
WHERE g.split_key IS NULL AND (p.judges OR s.split IS NOT NULL)
ORDER BY p.split_key, p.judges DESC, p.first_seen
""")
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
    """Parallel lists: the prompts that have a cluster, `known` of them, and then the new ones."""

    keys: list[str] = field(default_factory=list)
    clusters: list[str] = field(default_factory=list)
    splits: list[str] = field(default_factory=list)
    judges: set[int] = field(default_factory=set)  # positions of evaluation items
    known: int = 0


@dataclass(frozen=True, slots=True)
class _Place:
    cluster: str
    split: str


def cluster_new(session: Session, persona: PersonaRow, *, cutoff: datetime) -> Clustered:
    """Give every prompt seen up to the cutoff a cluster, unless it has one: the first placing holds for ever.

    A new prompt near prompts of one split takes that split. One that is near held-out and training prompts
    alike is quarantined, and the held-out ones judge no more: they could be learnt from by way of it.
    """
    prompts = _Prompts()
    _retire_learnt_items(session, persona, cutoff=cutoff)
    known = _read_known(session, persona, prompts)
    new = _read_new(session, persona, prompts, cutoff=cutoff)
    if not len(new.bands):
        return Clustered()
    found = clusters(_together(known, new))
    placed, retired = _place(prompts, found.tolist())
    _write(session, persona, prompts, new, placed, at=cutoff)
    _retire(session, persona, retired, at=cutoff)
    own = prompts.keys[prompts.known :]
    return Clustered(
        new=len(placed),
        joined=sum(place.cluster != key for place, key in zip(placed, own, strict=True)),
        quarantined=sum(place.split == Split.QUARANTINE for place in placed),
        retired=len(retired),
    )


def _together(known: Signatures, new: Signatures) -> Signatures:
    if not len(known.bands):
        return new
    return Signatures(np.concatenate([known.bands, new.bands]), np.concatenate([known.words, new.words]))


def _read_known(session: Session, persona: PersonaRow, prompts: _Prompts) -> Signatures:
    bands, words = bytearray(), bytearray()
    for row in stream(session, _KNOWN, {"persona": persona.id, "version": SIGNATURE_VERSION}, chunk=_CHUNK):
        prompts.keys.append(row.split_key)
        prompts.clusters.append(row.cluster)
        prompts.splits.append(row.split)
        bands += row.bands
        words += bytes(row.words).ljust(8 * LEADING_WORDS, b"\0")
    prompts.known = len(prompts.keys)
    return Signatures(
        np.frombuffer(bands, dtype=np.int64).reshape(-1, BANDS),
        np.frombuffer(words, dtype=np.uint64).reshape(-1, LEADING_WORDS),
    )


def _read_new(session: Session, persona: PersonaRow, prompts: _Prompts, *, cutoff: datetime) -> Signatures:
    def texts() -> Iterator[str]:
        for row in stream(session, _NEW, {"persona": persona.id, "cutoff": cutoff}, chunk=_CHUNK):
            if row.judges:
                prompts.judges.add(len(prompts.keys))
            prompts.keys.append(row.split_key)
            prompts.clusters.append(row.split_key)
            prompts.splits.append(row.split)
            yield user_text(Question(row.question, "", "", row.context))

    return sign(texts())


def _place(prompts: _Prompts, found: Iterable[int]) -> tuple[list[_Place], list[str]]:
    """The place of each new prompt in order, and the keys of held-out prompts that retire."""
    groups: defaultdict[int, list[int]] = defaultdict(list)
    for position, group in enumerate(found):
        groups[group].append(position)
    placed: dict[int, _Place] = {}
    retired: list[str] = []
    for members in groups.values():
        arrived = [position for position in members if position >= prompts.known]
        if arrived:
            place, leaving = _join(prompts, members[: len(members) - len(arrived)], arrived)
            retired += [prompts.keys[position] for position in leaving]
            placed |= dict.fromkeys(arrived, place)
    return [placed[position] for position in range(prompts.known, len(prompts.keys))], retired


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
    new: Signatures,
    placed: list[_Place],
    *,
    at: datetime,
) -> None:
    for start in range(0, len(placed), _CHUNK):
        chunk = [
            {
                "persona_id": persona.id,
                "split_key": prompts.keys[prompts.known + row],
                "cluster": placed[row].cluster,
                "split": placed[row].split,
                "version": SIGNATURE_VERSION,
                "bands": new.bands[row].tobytes(),
                "words": new.words[row][new.words[row] != 0].tobytes(),
                "assigned_at": at,
            }
            for row in range(start, min(start + _CHUNK, len(placed)))
        ]
        session.execute(insert(PromptSignatureRow), chunk)
    # What follows joins with them, and nobody else can count them before this transaction ends.
    session.execute(text("ANALYZE prompt_signatures"))


def _retire(session: Session, persona: PersonaRow, keys: list[str], *, at: datetime) -> None:
    reason = "a prompt was seen that is like it and like training prompts"
    rows = [{"persona_id": persona.id, "split_key": key, "reason": reason, "at": at} for key in keys]
    if rows:
        session.execute(upsert(PromptRetirementRow).on_conflict_do_nothing(), rows)


def _retire_learnt_items(session: Session, persona: PersonaRow, *, cutoff: datetime) -> None:
    """Items whose prompt came in earlier, as one to learn from: they are no judges, and learnt no more."""
    session.execute(_RETIRE_LEARNT, {"persona": persona.id, "cutoff": cutoff})
