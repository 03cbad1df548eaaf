"""What a rater sees of two answers that were offered, and writing down which they chose.

Both are shown as `scrubbing` leaves them. A known pair is no preference of anybody: what is chosen of it
stays with the offer and is in no journal that training reads.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from services.db.comparing_tables import AnswerPairRow, ComparisonOfferRow
from services.db.feedback_tables import ComparisonRow
from services.domain.answer_formats import AnswerRules, rules_of
from services.domain.comparing import OfferKind
from services.domain.conversation import Question
from services.domain.feedback import AnswerId, Choice, RaterId
from services.domain.personas import PersonaSlug
from services.domain.scrubbing import scrub
from services.errors.lookups import UnknownOffer
from services.errors.refusals import FormOutdated
from services.feedback.recording import append_choice, said_once

_OFFERED = text("""
SELECT o.id, o.choice, p.slug, p.display_name, p.answer_format, p.answer_rules,
       c.rater_id = o.rater_id AS own, q.text AS asked, q.context, q.domain, q.audience,
       l.text AS left_text, r.text AS right_text,
       coalesce(o.newest_choice, (
           SELECT choice FROM comparisons k
           WHERE k.left_answer_id = l.id AND k.right_answer_id = r.id AND k.rater_id = o.rater_id
           ORDER BY k.id DESC LIMIT 1
       )) AS newest, o.pair_id
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
    said = row.newest or row.choice
    return Offered(
        row.id,
        PersonaSlug(row.slug),
        row.display_name,
        question,
        row.own,
        left,
        right,
        Choice(said) if said else None,
    )


def choose(
    session: Session, offer_id: UUID, *, rater: RaterId, choice: Choice, submission: UUID, at: datetime
) -> PersonaSlug:
    """Write down a choice between the two that were offered; whose persona they are of.

    The first choice stays with the offer, the newest counts. The same by the same form again changes nothing.
    Raises UnknownOffer, and FormOutdated where something newer was said since that form.
    """
    there = session.execute(_OFFERED, {"offer": offer_id, "rater": rater}).one_or_none()
    if there is not None and there.pair_id is not None:
        # First the pair and then the offer, as an erasure deletes the pair and with it changes its offers.
        session.execute(select(AnswerPairRow.id).filter_by(id=there.pair_id).with_for_update(key_share=True))
    offer = session.get(ComparisonOfferRow, offer_id, with_for_update=True)
    if there is None or offer is None:
        raise UnknownOffer(offer_id)
    if offer.kind == OfferKind.KNOWN:
        _keep(offer, choice, submission)
    else:
        _append(session, offer, choice, submission, at=at)
    if offer.choice is None:
        offer.choice, offer.chosen_at = choice, at
        if offer.kind == OfferKind.NORMAL:
            session.execute(
                update(AnswerPairRow)
                .where(AnswerPairRow.id == offer.pair_id)
                .values(opinions=AnswerPairRow.opinions + 1)
            )
    return PersonaSlug(there.slug)


def _keep(offer: ComparisonOfferRow, choice: Choice, submission: UUID) -> None:
    """As `_append` does with the journal, so that nobody sees a difference."""
    once = said_once(
        submission,
        AnswerId(offer.left_answer_id),
        RaterId(offer.rater_id),
        f"{offer.right_answer_id} {choice}",
    )
    if once not in offer.said_by:
        offer.newest_choice, offer.said_by = choice, [*offer.said_by, once]
    elif once != offer.said_by[-1]:
        raise FormOutdated


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
    newest = select(func.max(ComparisonRow.id)).where(
        ComparisonRow.left_answer_id == offer.left_answer_id,
        ComparisonRow.right_answer_id == offer.right_answer_id,
        ComparisonRow.rater_id == offer.rater_id,
    )
    if session.scalar(newest) != said:
        raise FormOutdated
