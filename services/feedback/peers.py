"""Offering a rater somebody else's answer to rate, so that answers collect several opinions.

Only the question and the answer are shown, never a context: it may be private. The draw is a hash, so it can
be repeated; how often is the persona's policy.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, select, text
from sqlalchemy.orm import Session

from services.db.feedback_tables import (
    AnswerRow,
    ConversationRow,
    CurrentRatingRow,
    PeerOfferRow,
    PersonaRow,
    QuestionRow,
    RatingRow,
)
from services.db.prepared import Prepared
from services.domain.feedback import AnswerId, RaterId, Thumb
from services.errors.lookups import UnknownAnswer
from services.errors.people import NotTheAsker
from services.feedback.rating import WrittenRating
from services.feedback.unsafe import called_unsafe

_OPEN = """
    SELECT o.answer_id
    FROM peer_offers o
    JOIN answers a ON a.id = o.answer_id
    JOIN questions q ON q.id = a.question_id
    JOIN conversations c ON c.id = q.conversation_id
    JOIN personas p ON p.id = c.persona_id
    WHERE o.rater_id = {rater} AND p.slug = {persona} AND a.tombstone IS NULL AND NOT EXISTS (
        SELECT FROM current_ratings r WHERE r.answer_id = o.answer_id AND r.rater_id = {rater}
    )
"""
_NEWEST_OPEN = Prepared(
    "newest_open_offer",
    f"{_OPEN} ORDER BY o.offered_at DESC LIMIT 1",
    {"rater": "uuid", "persona": "text"},
)
# Of what others asked last the answer with the fewest opinions that the rater was not offered before; the
# newest of those, as people may still care for it. Only so many conversations back, and by their indexes
# (OFFSET sees to that): to look at all there ever were would take longer every day. Two ratings at once may
# draw one answer. Planned each time: how, depends on how much of all that there is by now.
_OFFER = text(f"""
    INSERT INTO peer_offers (rater_id, answer_id, offered_at)
    SELECT :rater, a.id, :at
    FROM (
        SELECT id FROM conversations WHERE persona_id = :persona AND rater_id <> :rater
        ORDER BY created_at DESC LIMIT 100
    ) c
    CROSS JOIN LATERAL (SELECT id FROM questions WHERE conversation_id = c.id AND context = '' OFFSET 0) q
    CROSS JOIN LATERAL (
        SELECT id, created_at FROM answers
        WHERE question_id = q.id AND NOT imported AND tombstone IS NULL OFFSET 0
    ) a
    WHERE NOT EXISTS (SELECT 1 FROM peer_offers o WHERE o.answer_id = a.id AND o.rater_id = :rater)
      AND NOT {called_unsafe("a.id")}
      AND EXISTS (SELECT 1 FROM current_ratings r WHERE r.answer_id = a.id)
      AND NOT EXISTS ({_OPEN.format(rater=":rater", persona=":slug")})
      AND EXISTS (SELECT FROM raters WHERE id = :rater AND erased_at IS NULL FOR KEY SHARE)
    ORDER BY (SELECT count(*) FROM current_ratings r WHERE r.answer_id = a.id), a.created_at DESC, a.id
    LIMIT 1
    ON CONFLICT DO NOTHING RETURNING answer_id
""")  # noqa: S608  (the fragments are the code's own)


def is_drawn(rated: WrittenRating, *, rater: RaterId, submission: UUID) -> bool:
    """Whether another's answer is due after this one, which the rater asked for: by the persona's policy."""
    draw = int.from_bytes(hashlib.sha256(f"{rater} {submission}".encode()).digest()[:8]) % 100
    return rated.own and draw < rated.peer_percent


def offer_peer(session: Session, rated: WrittenRating, *, rater: RaterId, at: datetime) -> AnswerId | None:
    """An answer of another rater to judge, or None where there is none that they were not offered before.

    Nothing more is offered while an offer is open, so that a form sent again shows no further answers.
    """
    if open_offer(session, persona=rated.persona, rater=rater):  # most often, and planned once
        return None
    named = {"persona": rated.persona_id, "slug": rated.persona, "rater": rater}
    offered = session.scalar(_OFFER, {**named, "at": at})
    return AnswerId(offered) if offered else None


@dataclass(frozen=True, slots=True)
class PeerAnswer:
    """What a rater sees of somebody else's answer, and what they gave it: None until they did."""

    id: AnswerId
    persona: str
    persona_name: str
    question: str
    audience: str
    domain: str
    text: str
    stars: int | None
    thumb: Thumb | None
    reasons: tuple[str, ...]


def open_offer(session: Session, *, persona: str, rater: RaterId) -> AnswerId | None:
    """The newest answer of this persona that the rater was offered and has not judged."""
    named = {"rater": rater, "persona": persona}
    found = _NEWEST_OPEN.execute(session.connection(), named).scalar_one_or_none()
    return AnswerId(found) if found else None


def peer_page(session: Session, *, answer_id: AnswerId, rater: RaterId) -> PeerAnswer:
    """An answer that was offered to this rater; UnknownAnswer, NotTheAsker for any other."""
    row = session.execute(
        select(
            AnswerRow,
            QuestionRow,
            PersonaRow.slug,
            PersonaRow.display_name,
            RatingRow.stars,
            RatingRow.thumb,
            RatingRow.reasons,
        )
        .join(QuestionRow, AnswerRow.question_id == QuestionRow.id)
        .join(ConversationRow)
        .join(PersonaRow)
        .outerjoin(
            CurrentRatingRow,
            and_(CurrentRatingRow.answer_id == AnswerRow.id, CurrentRatingRow.rater_id == rater),
        )
        .outerjoin(RatingRow, RatingRow.id == CurrentRatingRow.rating_id)
        .where(AnswerRow.id == answer_id, AnswerRow.tombstone.is_(None))
    ).one_or_none()
    if row is None:
        raise UnknownAnswer(answer_id)
    if session.get(PeerOfferRow, (rater, answer_id)) is None:
        raise NotTheAsker
    return PeerAnswer(
        id=answer_id,
        persona=row.slug,
        persona_name=row.display_name,
        question=row.QuestionRow.text,
        audience=row.QuestionRow.audience,
        domain=row.QuestionRow.domain,
        text=row.AnswerRow.text,
        stars=row.stars,
        thumb=Thumb(row.thumb) if row.thumb else None,
        reasons=tuple(row.reasons or ()),
    )
