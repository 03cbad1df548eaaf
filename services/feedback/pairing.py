"""Which two answers can be compared: pairs are made when an answer is stored, so none is searched for later.

An answer makes a pair with one that its asker got before, and with one that anybody got: of another version
if there is one, as that tells most. Of a prompt with a context, which may be private, only its asker's own.
"""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from services.domain.examples import read_alike
from services.domain.feedback import AnswerId
from services.domain.scrubbing import scrub

_LOOKED_AT = 20  # earlier answers to the prompt; the oldest beyond them make no pair

_ANSWER = text("""
SELECT q.prompt_key, q.context = '' AS public, c.persona_id, c.rater_id, a.text, a.adapter_version_id,
       a.finish_reason = 'stopped' AS stopped
FROM answers a JOIN questions q ON q.id = a.question_id JOIN conversations c ON c.id = q.conversation_id
WHERE a.id = :answer
""")
_BEFORE = text("""
SELECT a.id, a.text, a.adapter_version_id, c.rater_id
FROM questions q
JOIN conversations c ON c.id = q.conversation_id AND c.persona_id = :persona
JOIN answers a ON a.question_id = q.id
WHERE q.prompt_key = :prompt AND q.tombstone IS NULL AND (:public OR c.rater_id = :rater)
  AND a.id <> :answer AND NOT a.imported AND a.tombstone IS NULL AND a.finish_reason <> 'stopped'
ORDER BY q.asked_at DESC, a.id
LIMIT :looked_at
""")
# What is just becoming a tombstone is left out and not waited for, as its erasure may wait for this answer's
# question; who erases later waits, and finds the pair.
_ADD = text("""
INSERT INTO answer_pairs (persona_id, one_answer_id, other_answer_id, digest, public, of_one_version)
SELECT :persona, one, :answer,
       encode(sha256(convert_to(:prompt || least(one_hash, other_hash) || greatest(one_hash, other_hash),
                                'UTF8')), 'hex'),
       :public, of_one_version
FROM (
    SELECT a.id AS one, a.adapter_version_id = b.adapter_version_id AS of_one_version,
           encode(sha256(convert_to(a.text, 'UTF8')), 'hex') COLLATE "C" AS one_hash,
           encode(sha256(convert_to(b.text, 'UTF8')), 'hex') COLLATE "C" AS other_hash
    FROM answers a, answers b WHERE a.id = ANY(:partners) AND b.id = :answer AND a.tombstone IS NULL
    FOR SHARE OF a SKIP LOCKED
) beside
ORDER BY 4
ON CONFLICT (persona_id, digest) DO UPDATE SET digest = excluded.digest
RETURNING id
""")


def pair_up(session: Session, answer_id: AnswerId) -> None:
    """Make the pairs of an answer that was just stored; again it makes none."""
    answer = session.execute(_ANSWER, {"answer": answer_id}).one()
    if answer.stopped:
        return
    known = {
        "answer": answer_id,
        "persona": answer.persona_id,
        "prompt": answer.prompt_key,
        "public": answer.public,
        "rater": answer.rater_id,
        "looked_at": _LOOKED_AT,
    }
    partners = set(_partners(answer, session.execute(_BEFORE, known).all()))
    if partners:
        session.execute(_ADD, known | {"partners": sorted(partners)})


def pair_of(session: Session, answer_id: AnswerId, other: AnswerId) -> int:
    """The id of the pair of these texts, which is made where there is none; both answer one prompt."""
    answer = session.execute(_ANSWER, {"answer": answer_id}).one()
    known = {"persona": answer.persona_id, "prompt": answer.prompt_key, "public": answer.public}
    return int(session.execute(_ADD, known | {"answer": answer_id, "partners": [other]}).scalar_one())


def _partners(answer: Row[Any], before: Sequence[Row[Any]]) -> Iterator[UUID]:
    """The newest that its asker got, and the newest of all, of another version before one of the same."""
    shown = scrub(answer.text)
    others = [one for one in before if not read_alike(scrub(one.text), shown)]
    yield from (one.id for one in [one for one in others if one.rater_id == answer.rater_id][:1])
    others.sort(key=lambda one: one.adapter_version_id == answer.adapter_version_id)
    yield from (one.id for one in others[:1])
