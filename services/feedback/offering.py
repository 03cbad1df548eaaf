"""Offering a rater two answers to compare: which two, what stands left, and that it was offered.

Their own answers come first, then others', of which only question and answers are shown, as `peers` does. A
pair is not offered to a rater twice but as a repeat. The draw is a hash, so it can be repeated.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, time
from typing import Any
from uuid import UUID

from sqlalchemy import Row, exists, func, select, text
from sqlalchemy.orm import Session

from services.db.comparing_tables import AnswerPairRow, ComparisonOfferRow
from services.db.feedback_tables import AnswerRow, PersonaRow
from services.domain.comparing import OfferDraw, OfferKind, draw_offer
from services.domain.example_policy import ExamplePolicy
from services.domain.feedback import AnswerId, RaterId
from services.domain.personas import PersonaState
from services.errors.lookups import NothingToCompare
from services.errors.refusals import RaterErased
from services.feedback import checking
from services.feedback.erasing import lock_rater
from services.feedback.pairing import pair_of
from services.feedback.sides import Sides
from services.feedback.unsafe import called_unsafe

OWN_CONVERSATIONS = 200  # the newest; who asked more is offered pairs of these

_UNSEEN = """
    NOT EXISTS (SELECT FROM comparison_offers o WHERE o.rater_id = :rater AND o.pair_id = p.id)
"""
# One side after the other: of either at once the planner finds no index.
_SHOWN = " AND ".join(
    f"EXISTS (SELECT FROM answers a WHERE a.id = {side} AND a.tombstone IS NULL)"
    f" AND NOT {called_unsafe(side)}"
    for side in ("p.one_answer_id", "p.other_answer_id")
)
_OWN = text(f"""
SELECT p.id, p.one_answer_id, p.other_answer_id
FROM (SELECT id FROM conversations WHERE rater_id = :rater AND persona_id = :persona
      ORDER BY created_at DESC LIMIT {OWN_CONVERSATIONS}) c
JOIN questions q ON q.conversation_id = c.id
JOIN answers a ON a.question_id = q.id AND a.tombstone IS NULL
JOIN answer_pairs p ON p.other_answer_id = a.id
WHERE {_UNSEEN} AND EXISTS (
    SELECT FROM answers b JOIN questions bq ON bq.id = b.question_id
    JOIN conversations bc ON bc.id = bq.conversation_id
    WHERE b.id = p.one_answer_id AND b.tombstone IS NULL AND bc.rater_id = :rater
)
ORDER BY p.of_one_version, p.opinions, a.created_at DESC, p.id
LIMIT 1
""")  # noqa: S608  (the statements are put together of the code's own words)
# The pairs with the fewest opinions, of two versions before those of one; where to begin among them is drawn,
# so that raters who come at once are not all given the same.
_LEAST = text(f"""
SELECT p.id, p.one_answer_id, p.other_answer_id, p.opinions, p.of_one_version
FROM answer_pairs p
WHERE p.persona_id = :persona AND p.public AND {_UNSEEN} AND {_SHOWN}
ORDER BY p.opinions, p.of_one_version, p.digest
LIMIT 1
""")  # noqa: S608  (as above)
_FROM_THERE = text(f"""
SELECT p.id, p.one_answer_id, p.other_answer_id
FROM answer_pairs p
WHERE p.persona_id = :persona AND p.public AND p.opinions = :opinions AND p.of_one_version = :of_one_version
  AND p.digest >= :place AND {_UNSEEN} AND {_SHOWN}
ORDER BY p.digest
LIMIT 1
""")  # noqa: S608  (as above)
_ANOTHER = text("""
SELECT b.id
FROM answers a
JOIN questions q ON q.id = a.question_id
JOIN conversations c ON c.id = q.conversation_id AND c.rater_id = :rater
JOIN conversations d ON d.rater_id = :rater AND d.persona_id = c.persona_id
JOIN questions r ON r.conversation_id = d.id AND r.prompt_key = q.prompt_key
JOIN answers b ON b.question_id = r.id AND b.tombstone IS NULL AND b.finish_reason <> 'stopped'
     AND b.text <> a.text
WHERE a.id = :answer AND a.tombstone IS NULL AND a.finish_reason <> 'stopped'
ORDER BY b.created_at DESC, b.id
LIMIT 1
""")


def offer_comparison(session: Session, *, persona: PersonaRow, rater: RaterId, at: datetime) -> UUID | None:
    """The offer that is open, or a new one; None where the policy asks for no more today or nothing is left.

    Of one rater, two at once wait for each other. Raises UnknownRater, RaterErased.
    """
    _lock(session, rater)
    there = open_offer(session, rater=rater, persona=persona)
    if there is not None:
        return there
    policy = ExamplePolicy(**persona.example_policy)
    if asked_today(session, rater=rater, at=at).get(persona.id, 0) >= policy.comparisons_asked:
        return None
    before = session.scalar(
        select(func.count()).select_from(ComparisonOfferRow).filter_by(rater_id=rater, persona_id=persona.id)
    )
    draw = draw_offer(f"{persona.slug} {rater} {before}", policy)
    sides = _to_check(session, persona, rater, draw, after=policy.repeat_after) or _next_pair(
        session, persona, rater, draw
    )
    if sides is None or not _is_there(session, sides.pair):
        return None
    return _add(session, sides, persona_id=persona.id, rater=rater, at=at)


def offer_of_two(session: Session, *, answer_id: AnswerId, rater: RaterId, at: datetime) -> UUID:
    """This answer beside another one that the rater got to the same prompt, as they asked to see them.

    The same two again are the same offer. Raises NothingToCompare; UnknownRater, RaterErased.
    """
    _lock(session, rater)
    other = another(session, answer_id=answer_id, rater=rater)
    if other is None:
        raise NothingToCompare
    pair = session.get_one(AnswerPairRow, pair_of(session, answer_id, other))
    there = session.scalar(
        select(ComparisonOfferRow.id).filter_by(rater_id=rater, pair_id=pair.id, kind=OfferKind.NORMAL)
    )
    if there is not None:
        return there
    sides = _beside(pair.id, answer_id, other, draw_offer(f"{rater} {pair.digest}", ExamplePolicy()))
    return _add(session, sides, persona_id=pair.persona_id, rater=rater, at=at)


def another(session: Session, *, answer_id: AnswerId, rater: RaterId) -> AnswerId | None:
    """The rater's newest other answer to the prompt of this one, if this is theirs and there is one."""
    found = session.scalar(_ANOTHER, {"answer": answer_id, "rater": rater})
    return AnswerId(found) if found else None


def open_offer(session: Session, *, rater: RaterId, persona: PersonaRow | None = None) -> UUID | None:
    """The newest that the rater has not chosen of; of any persona that is asked where none is given."""
    left_gone, right_gone = (
        exists().where(AnswerRow.id == side, AnswerRow.tombstone.is_not(None))
        for side in (ComparisonOfferRow.left_answer_id, ComparisonOfferRow.right_answer_id)
    )
    waiting = (
        select(ComparisonOfferRow.id)
        .where(ComparisonOfferRow.rater_id == rater, ComparisonOfferRow.choice.is_(None))
        .where(~left_gone, ~right_gone)
        .order_by(ComparisonOfferRow.offered_at.desc())
        .limit(1)
    )
    if persona is not None:
        return session.scalar(waiting.where(ComparisonOfferRow.persona_id == persona.id))
    return session.scalar(waiting.join(PersonaRow).where(PersonaRow.state != PersonaState.ARCHIVED))


def asked_today(session: Session, *, rater: RaterId, at: datetime) -> dict[int, int]:
    """How many pairs the rater was offered on this day, in UTC, by the persona's id."""
    day = datetime.combine(at.astimezone(UTC).date(), time(), UTC)
    counted = session.execute(
        select(ComparisonOfferRow.persona_id, func.count().label("asked"))
        .where(ComparisonOfferRow.rater_id == rater, ComparisonOfferRow.offered_at >= day)
        .group_by(ComparisonOfferRow.persona_id)
    )
    return {row.persona_id: row.asked for row in counted}


def _to_check(
    session: Session, persona: PersonaRow, rater: RaterId, draw: OfferDraw, *, after: int
) -> Sides | None:
    """What says something of the rater, where that was drawn and there is such a pair."""
    match draw.kind:
        case OfferKind.REPEAT:
            return checking.repeated(session, persona, rater, after=after)
        case OfferKind.KNOWN:
            return checking.known(session, persona, rater, draw)
        case OfferKind.NORMAL:
            return None


def _next_pair(session: Session, persona: PersonaRow, rater: RaterId, draw: OfferDraw) -> Sides | None:
    known = {"persona": persona.id, "rater": rater}
    found = session.execute(_OWN, known).one_or_none() or _least_judged(session, known, place=draw.place)
    return _beside(found.id, found.one_answer_id, found.other_answer_id, draw) if found else None


def _least_judged(session: Session, known: Mapping[str, object], *, place: str) -> Row[Any] | None:
    least = session.execute(_LEAST, known).one_or_none()
    if least is None:
        return None
    alike = {**known, "opinions": least.opinions, "of_one_version": least.of_one_version, "place": place}
    return session.execute(_FROM_THERE, alike).one_or_none() or least


def _beside(pair: int, one: UUID, other: UUID, draw: OfferDraw) -> Sides:
    left, right = (other, one) if draw.swapped else (one, other)
    return Sides(OfferKind.NORMAL, left, right, pair)


def _lock(session: Session, rater: RaterId) -> None:
    if lock_rater(session, rater).erased_at is not None:
        raise RaterErased


def _is_there(session: Session, pair: int | None) -> bool:
    """Whether a pair, if it is one, was not deleted since it was read; from here on an erasure waits."""
    held = select(AnswerPairRow.id).where(AnswerPairRow.id == pair).with_for_update(read=True, key_share=True)
    return pair is None or session.scalar(held) is not None


def _add(session: Session, sides: Sides, *, persona_id: int, rater: RaterId, at: datetime) -> UUID:
    offer = ComparisonOfferRow(
        persona_id=persona_id,
        rater_id=rater,
        pair_id=sides.pair,
        left_answer_id=sides.left,
        right_answer_id=sides.right,
        kind=sides.kind,
        repeats_id=sides.repeats,
        expected=sides.expected,
        offered_at=at,
    )
    session.add(offer)
    session.flush()  # the id is where the page is
    return offer.id
