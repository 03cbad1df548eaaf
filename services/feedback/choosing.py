"""What a rater sees of two answers that were offered, and writing down which they chose.

Both are shown as `scrubbing` leaves them. A known pair is no preference of anybody: what is chosen of it
stays with the offer (`known_choices`) and is in no journal that training reads.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, func, select, text, update
from sqlalchemy.orm import Session

from services.db.comparing_tables import AnswerPairRow, ComparisonOfferRow
from services.db.feedback_tables import ComparisonRow
from services.db.retractions import choice_stands
from services.domain.answer_formats import AnswerRules, rules_of
from services.domain.comparing import OfferKind
from services.domain.conversation import Question
from services.domain.feedback import UNDO_WITHIN, AnswerId, Choice, RaterId
from services.domain.personas import PersonaSlug
from services.domain.scrubbing import scrub
from services.errors.lookups import UnknownOffer
from services.errors.refusals import FormOutdated
from services.feedback import known_choices
from services.feedback.erasing import hold_rater
from services.feedback.recording import append_choice, said_once
from services.feedback.retracting import retract_choice

_OFFERED = text("""
SELECT o.id, o.choice, o.pair_id, p.slug, p.display_name, p.answer_format, p.answer_rules,
       c.rater_id = o.rater_id AS own, q.text AS asked, q.context, q.domain, q.audience,
       l.text AS left_text, r.text AS right_text
FROM comparison_offers o
JOIN personas p ON p.id = o.persona_id
JOIN answers l ON l.id = o.left_answer_id AND l.tombstone IS NULL
JOIN answers r ON r.id = o.right_answer_id AND r.tombstone IS NULL
JOIN questions q ON q.id = CASE WHEN o.expected = 'right' THEN r.question_id ELSE l.question_id END
JOIN conversations c ON c.id = q.conversation_id
WHERE o.id = :offer AND o.rater_id = :rater
""")


@dataclass(frozen=True, slots=True)
class OfferedText:
    """One of the two, as it is shown; `question` and `rules` say how it is read."""

    text: str
    question: Question
    rules: AnswerRules


@dataclass(frozen=True, slots=True)
class Offered:
    """`choice` is the rater's newest, None until there is one; `own`: the rater asked the question."""

    id: UUID
    persona: PersonaSlug
    persona_name: str
    question: Question
    own: bool
    left: OfferedText
    right: OfferedText
    choice: Choice | None


@dataclass(frozen=True, slots=True)
class Chosen:
    """A choice that counts; `id` names it, and for so many `seconds` it may be taken back."""

    offer: UUID
    id: UUID
    choice: Choice
    at: datetime
    seconds: int = 0


def offered(session: Session, offer_id: UUID, *, rater: RaterId, names: Collection[str]) -> Offered:
    """What was offered to this rater, without `names`; UnknownOffer for anything else."""
    row = session.execute(_OFFERED, {"offer": offer_id, "rater": rater}).one_or_none()
    if row is None:
        raise UnknownOffer(offer_id)
    question = Question(row.asked, row.domain, row.audience, row.context if row.own else "")
    rules = rules_of({**row.answer_rules, "format": row.answer_format})
    left, right = (
        OfferedText(scrub(said, names), question, rules) for said in (row.left_text, row.right_text)
    )
    newest = _standing(session, session.get_one(ComparisonOfferRow, offer_id))[-1:]
    return Offered(
        row.id,
        PersonaSlug(row.slug),
        row.display_name,
        question,
        row.own,
        left,
        right,
        newest[0].choice if newest else Choice(row.choice) if row.choice else None,
    )


def chosen_of(session: Session, offer_id: UUID, *, rater: RaterId, at: datetime) -> Chosen | None:
    """The newest that this rater chose of what was offered to them; None where nothing counts."""
    offer = session.get(ComparisonOfferRow, offer_id)
    if offer is None or offer.rater_id != rater:
        return None
    standing = _standing(session, offer)
    if not standing:
        return None
    left = int((standing[-1].at + UNDO_WITHIN - at).total_seconds())
    return replace(standing[-1], seconds=max(left, 0))


def choose(
    session: Session, offer_id: UUID, *, rater: RaterId, choice: Choice, submission: UUID, at: datetime
) -> PersonaSlug:
    """Write down a choice between the two that were offered; whose persona they are of.

    The first choice stays with the offer, the newest counts. The same by the same form again changes nothing.
    Raises UnknownOffer, and FormOutdated where something newer was said since that form or its own is gone.
    """
    there, offer = _lock(session, offer_id, rater)
    if offer.kind == OfferKind.KNOWN:
        known_choices.append(offer, choice, by=_form(offer, choice, submission), at=at)
    else:
        _append(session, offer, choice, submission, at=at)
    if offer.choice is None:
        offer.choice, offer.chosen_at = choice, at
        _count_opinion(session, offer, 1)
    return PersonaSlug(there.slug)


def take_back(session: Session, offer_id: UUID, *, rater: RaterId, chosen: UUID, at: datetime) -> PersonaSlug:
    """Take back what this rater just chose, named by `Chosen.id`; whose persona the two are of.

    If it was the first choice of the offer, the next one that counts is it, or none. Taken back again it
    stays as it was. Raises UnknownOffer, TooLateToUndo, RaterErased, NotTheAsker.
    """
    hold_rater(session, rater)
    there, offer = _lock(session, offer_id, rater)
    if offer.kind == OfferKind.KNOWN:
        said_at = known_choices.take_back(offer, by=chosen, at=at)
    else:
        row = session.execute(_said_of(offer).where(ComparisonRow.submission == chosen)).scalar_one_or_none()
        if row is None:
            raise UnknownOffer(offer_id)
        retract_choice(session, comparison_id=row.id, rater=rater, at=at)
        said_at = row.created_at
    if said_at == offer.chosen_at:
        first = next(iter(_standing(session, offer)), None)
        offer.choice, offer.chosen_at = (first.choice, first.at) if first else (None, None)
        if first is None:
            _count_opinion(session, offer, -1)
    return PersonaSlug(there.slug)


def _lock(session: Session, offer_id: UUID, rater: RaterId) -> tuple[Row[Any], ComparisonOfferRow]:
    """What was offered to this rater, nobody else's to change until the end. Raises UnknownOffer."""
    there = session.execute(_OFFERED, {"offer": offer_id, "rater": rater}).one_or_none()
    if there is not None and there.pair_id is not None:
        # First the pair and then the offer, as an erasure deletes the pair and with it changes its offers.
        session.execute(select(AnswerPairRow.id).filter_by(id=there.pair_id).with_for_update(key_share=True))
    offer = session.get(ComparisonOfferRow, offer_id, with_for_update=True)
    if there is None or offer is None:
        raise UnknownOffer(offer_id)
    return there, offer


def _form(offer: ComparisonOfferRow, choice: Choice, submission: UUID) -> UUID:
    """What the journal knows a choice by."""
    left, rater = AnswerId(offer.left_answer_id), RaterId(offer.rater_id)
    return said_once(submission, left, rater, f"{offer.right_answer_id} {choice}")


def _said_of(offer: ComparisonOfferRow) -> Select[ComparisonRow]:
    return (
        select(ComparisonRow)
        .filter_by(
            left_answer_id=offer.left_answer_id,
            right_answer_id=offer.right_answer_id,
            rater_id=offer.rater_id,
        )
        .order_by(ComparisonRow.id)
    )


def _standing(session: Session, offer: ComparisonOfferRow) -> list[Chosen]:
    """What was chosen of an offer and not taken back, the newest last."""
    if offer.kind == OfferKind.KNOWN:
        return [
            Chosen(offer.id, UUID(one["by"]), Choice(one["choice"]), datetime.fromisoformat(one["at"]))
            for one in known_choices.standing(offer)
        ]
    return [
        Chosen(offer.id, row.submission, Choice(row.choice), row.created_at)
        for row in session.scalars(_said_of(offer).where(choice_stands()))
    ]


def _count_opinion(session: Session, offer: ComparisonOfferRow, more: int) -> None:
    if offer.kind == OfferKind.NORMAL:
        session.execute(
            update(AnswerPairRow)
            .where(AnswerPairRow.id == offer.pair_id)
            .values(opinions=AnswerPairRow.opinions + more)
        )


def _append(
    session: Session, offer: ComparisonOfferRow, choice: Choice, submission: UUID, *, at: datetime
) -> None:
    said = append_choice(
        session,
        left=AnswerId(offer.left_answer_id),
        right=AnswerId(offer.right_answer_id),
        rater=RaterId(offer.rater_id),
        choice=choice,
        submission=submission,
        at=at,
    )
    newest = (
        _said_of(offer).where(choice_stands()).with_only_columns(func.max(ComparisonRow.id)).order_by(None)
    )
    if session.scalar(newest) != said:
        raise FormOutdated
