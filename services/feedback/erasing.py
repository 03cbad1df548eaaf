"""Erasing a rater: everything they said, and the answers given to them, become tombstones.

A tombstone keeps who, when and about what, so that lineage can be counted, and of the words a keyed hash
(HMAC-SHA-256). A bare hash of a short question or of five stars is guessed by trying; with the secret of the
installation, which no dump of the database holds, who has the words can compare, and nobody can guess. The
keys of their prompts, which are bare hashes, are replaced in the same way: `prompt_splits` goes on holding a
prompt out, and says of nobody that they asked it.

What others said of these answers stays as a number; what they wrote about them goes. That they agreed to what
was kept stays as well, as it proves that it was kept with their consent: a number, an instant and their id.
Sets and versions are not touched here, nor anything that judges.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from services.db.feedback_tables import RaterRow
from services.errors.lookups import UnknownRater
from services.errors.people import NotTheAsker
from services.errors.refusals import RaterErased

# ruff: noqa: S608  (the statements are put together of the code's own words)
_BLOCK = 64  # bytes, of SHA-256
_ASKED = """
    SELECT q.id FROM questions q JOIN conversations c ON c.id = q.conversation_id WHERE c.rater_id = :rater
"""
_ANSWERED = f"SELECT id FROM answers WHERE question_id IN ({_ASKED})"


def _hashed(*parts: str) -> str:
    """In SQL the HMAC of some columns, whose key came as `inner` and `outer`."""
    said = f"convert_to(jsonb_build_array({', '.join(parts)})::text, 'UTF8')"
    return f"encode(sha256(:outer || sha256(:inner || {said})), 'hex')"


_ERASE = {
    "ratings": f"""
        UPDATE ratings SET tombstone = {_hashed("id", "stars", "thumb", "reasons")}, stars = NULL,
            thumb = NULL, reasons = '[]', submission = gen_random_uuid()
        WHERE rater_id = :rater AND tombstone IS NULL
    """,
    "corrections": f"""
        UPDATE corrections SET tombstone = {_hashed("id", "text")}, text = '', submission = gen_random_uuid()
        WHERE (rater_id = :rater OR answer_id IN ({_ANSWERED})) AND tombstone IS NULL
    """,
    "comments": f"""
        UPDATE comments SET tombstone = {_hashed("id", "text")}, text = '', submission = gen_random_uuid()
        WHERE (rater_id = :rater OR answer_id IN ({_ANSWERED})) AND tombstone IS NULL
    """,
    "comparisons": f"""
        UPDATE comparisons SET tombstone = {_hashed("id", "choice")}, choice = '',
            submission = gen_random_uuid()
        WHERE rater_id = :rater AND tombstone IS NULL
    """,
    "reviews": "UPDATE rater_reviews SET reason = '' WHERE rater_id = :rater AND reason <> ''",
    "decisions on words": f"""
        UPDATE feedback_reviews v SET reason = ''
        WHERE reason <> '' AND (
            rater_id = :rater OR answer_id IN ({_ANSWERED})
            OR EXISTS (SELECT FROM comparisons k
                       WHERE k.id = v.comparison_id AND k.right_answer_id IN ({_ANSWERED}))
        )
    """,
    "answers": f"""
        UPDATE answers SET tombstone = {_hashed("id", "text")}, text = ''
        WHERE id IN ({_ANSWERED}) AND tombstone IS NULL
    """,
    "questions": f"""
        UPDATE questions SET tombstone = {_hashed("id", "text", "context", "domain", "audience")}, text = '',
            context = '', domain = '', audience = '', submission = NULL,
            prompt_key = {_hashed("prompt_key")}, split_key = {_hashed("split_key")}
        WHERE id IN ({_ASKED}) AND tombstone IS NULL
    """,
}
_FORGET = (
    "DELETE FROM current_ratings WHERE rater_id = :rater",
    f"DELETE FROM peer_offers WHERE rater_id = :rater OR answer_id IN ({_ANSWERED})",
    # To others the two answers stay offered, as numbers; the pages show no tombstone.
    "DELETE FROM comparison_offers WHERE rater_id = :rater",
    f"DELETE FROM answer_pairs WHERE one_answer_id IN ({_ANSWERED}) OR other_answer_id IN ({_ANSWERED})",
    "DELETE FROM keyed_requests WHERE rater_id = :rater",  # with what they were answered
    "DELETE FROM end_users WHERE rater_id = :rater",
    "UPDATE raters SET label = NULL WHERE id = :rater",
)
_CONCERNED = text("""
    SELECT DISTINCT c.persona_id FROM (
        SELECT answer_id FROM ratings WHERE rater_id = :rater
        UNION SELECT answer_id FROM corrections WHERE rater_id = :rater
        UNION SELECT answer_id FROM comments WHERE rater_id = :rater
        UNION SELECT left_answer_id FROM comparisons WHERE rater_id = :rater
    ) said
    JOIN answers a ON a.id = said.answer_id
    JOIN questions q ON q.id = a.question_id
    JOIN conversations c ON c.id = q.conversation_id
    UNION SELECT persona_id FROM conversations WHERE rater_id = :rater
    ORDER BY persona_id
""")
# Of both answers of a comparison, as either may be of a conversation of theirs.
_SOURCES = text(f"""
    SELECT 'rating' AS kind, id FROM ratings WHERE rater_id = :rater OR answer_id IN ({_ANSWERED})
    UNION ALL
    SELECT 'correction', id FROM corrections WHERE rater_id = :rater OR answer_id IN ({_ANSWERED})
    UNION ALL
    SELECT 'comparison', id FROM comparisons
    WHERE rater_id = :rater OR left_answer_id IN ({_ANSWERED}) OR right_answer_id IN ({_ANSWERED})
    ORDER BY kind, id
""")
_PROMPTS = text("""
    SELECT c.persona_id, q.prompt_key, q.split_key, q.text, q.domain, q.audience,
           NOT EXISTS (SELECT FROM questions o JOIN conversations oc ON oc.id = o.conversation_id
                       WHERE o.prompt_key = q.prompt_key AND oc.persona_id = c.persona_id
                       AND oc.rater_id <> :rater)
           AND NOT EXISTS (SELECT FROM seed_examples s
                           WHERE s.prompt_key = q.prompt_key AND s.persona_id = c.persona_id) AS alone
    FROM questions q JOIN conversations c ON c.id = q.conversation_id
    WHERE c.rater_id = :rater AND q.tombstone IS NULL
""")
_OTHERS_LABELS = text("""
    SELECT q.domain, q.audience FROM questions q JOIN conversations c ON c.id = q.conversation_id
    WHERE c.rater_id <> :rater AND q.tombstone IS NULL
    UNION SELECT domain, audience FROM seed_examples
    UNION SELECT domain, audience FROM evaluation_items
""")
_SPEAKS = text("SELECT erased_at IS NOT NULL AS erased FROM raters WHERE id = :rater FOR KEY SHARE")


@dataclass(frozen=True, slots=True)
class OwnQuestion:
    """A question of the rater, before it is erased; `alone`: nobody else asked the same."""

    persona_id: int
    prompt_key: str
    split_key: str
    text: str
    alone: bool


@dataclass(frozen=True, slots=True)
class Traces:
    """What a rater's words are found by: ids by kind of all they said and of all that was said of what they
    were answered, their questions, and the domains and audiences that nobody else named.
    """

    personas: tuple[int, ...]
    sources: Mapping[str, tuple[int, ...]]
    asked: tuple[OwnQuestion, ...]
    labels: frozenset[str]


def lock_rater(session: Session, rater: UUID) -> RaterRow:
    """The rater's row; who is just saying something in their name is waited for. Raises UnknownRater."""
    row = session.get(RaterRow, rater, with_for_update=True)
    if row is None:
        raise UnknownRater(str(rater))
    return row


def hold_rater(session: Session, rater: UUID) -> None:
    """Who says something in this rater's name comes before their erasure, which waits, or not at all.

    Raises RaterErased, and NotTheAsker for one who is not stored: who never asked has nothing to speak of.
    """
    refuse_unless_speaking(session.execute(_SPEAKS, {"rater": rater}).one_or_none())


def refuse_unless_speaking(rater: Row[Any] | None) -> None:
    """Of a row that tells whether they were erased, as `erased`. Raises as `hold_rater` does."""
    if rater is None:
        raise NotTheAsker
    if rater.erased:
        raise RaterErased


def traces_of(session: Session, rater: UUID) -> Traces:
    """Everything that the rater's words are found by, as long as they are there."""
    known = {"rater": rater}
    sources: dict[str, list[int]] = {}
    for row in session.execute(_SOURCES, known):
        sources.setdefault(row.kind, []).append(row.id)
    rows = session.execute(_PROMPTS, known).all()
    others = {label for row in session.execute(_OTHERS_LABELS, known) for label in row}
    return Traces(
        personas=tuple(session.scalars(_CONCERNED, known)),
        sources={kind: tuple(ids) for kind, ids in sources.items()},
        asked=tuple(
            OwnQuestion(row.persona_id, row.prompt_key, row.split_key, row.text, row.alone) for row in rows
        ),
        labels=frozenset({label for row in rows for label in (row.domain, row.audience)} - others),
    )


def bury(session: Session, rater: UUID, *, secret: str) -> dict[str, int]:
    """Make tombstones of the rater's rows; how many of each kind. Again it finds none.

    The rater is marked as erased before: the journals permit it of nobody else.
    """
    key = hashlib.sha256(f"tombstones {secret}".encode()).digest().ljust(_BLOCK, b"\0")
    known = {
        "rater": rater,
        "inner": bytes(byte ^ 0x36 for byte in key),
        "outer": bytes(byte ^ 0x5C for byte in key),
    }
    lock_rater(session, rater)  # first, as whoever forgets a question of theirs does
    counts: dict[str, int] = {}
    for kind, statement in _ERASE.items():
        counts[kind] = len(session.execute(text(f"{statement} RETURNING id"), known).all())
    for forgetting in _FORGET:
        session.execute(text(forgetting), {"rater": rater})
    return counts
