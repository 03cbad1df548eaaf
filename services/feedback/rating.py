"""Writing down a rating, by the hundred a second. What else people say of an answer is `recording`'s."""

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from services.db.feedback_tables import CurrentRatingRow, RatingRow
from services.db.prepared import Prepared
from services.domain.example_policy import ExamplePolicy
from services.domain.feedback import STARS, AnswerId, RaterId, Reason, Thumb
from services.domain.personas import PersonaSlug
from services.errors.inputs import StarsOutOfRange
from services.errors.lookups import UnknownAnswer
from services.errors.people import NotAgreed, NotTheAsker
from services.errors.refusals import FormOutdated
from services.feedback.erasing import refuse_unless_speaking
from services.feedback.recording import said_once

# One round trip, and a statement that is not planned anew each time. Until it ends the rater is not erased,
# as `hold_rater` sees to it elsewhere; from then on the rating is the current one, unless a newer one is.
_RATE = Prepared(
    "rate",
    """
    WITH speaker AS (
        SELECT erased_at IS NOT NULL AS erased, {wording} IS NULL OR EXISTS (
                SELECT FROM agreements g WHERE g.rater_id = raters.id AND g.wording = {wording}
            ) AS agreed
        FROM raters
        WHERE id = {rater}
            AND NOT ({without_account} AND EXISTS (SELECT FROM accounts WHERE rater_id = {rater}))
        FOR KEY SHARE
    ), asked AS (
        SELECT c.rater_id = {rater} AS own, p.id AS persona_id, p.slug, p.example_policy,
            EXISTS (SELECT FROM peer_offers o WHERE o.rater_id = {rater} AND o.answer_id = a.id) AS offered
        FROM answers a
        JOIN questions q ON q.id = a.question_id
        JOIN conversations c ON c.id = q.conversation_id
        JOIN personas p ON p.id = c.persona_id
        WHERE a.id = {answer} AND a.tombstone IS NULL
    ), said AS (
        INSERT INTO ratings (answer_id, rater_id, stars, thumb, reasons, submission, created_at)
        SELECT {answer}, {rater}, {stars}, {thumb}, {reasons}, {submission}, {at} FROM asked, speaker
        WHERE (own OR offered) AND agreed AND NOT erased
        ON CONFLICT (submission) DO NOTHING RETURNING id
    ), pointed AS (
        INSERT INTO current_ratings AS c (answer_id, rater_id, rating_id)
        SELECT {answer}, {rater}, id FROM said
        ON CONFLICT (answer_id, rater_id) DO UPDATE SET rating_id = excluded.rating_id
        WHERE c.rating_id < excluded.rating_id
    )
    SELECT erased, agreed, asked.*, said.id
    FROM (SELECT) one LEFT JOIN speaker ON true LEFT JOIN asked ON true LEFT JOIN said ON true
    """,
    {
        "answer": "uuid",
        "rater": "uuid",
        "wording": "integer",
        "without_account": "boolean",
        "stars": "integer",
        "thumb": "text",
        "reasons": "jsonb",
        "submission": "uuid",
        "at": "timestamptz",
    },
)


@dataclass(frozen=True, slots=True)
class Terms:
    """On which somebody rates. `wording`: what they must have agreed to, None where a client speaks for them.
    `without_account`: only a cookie tells who they are, and it counts for nobody who has an account.
    """

    wording: int | None = None
    without_account: bool = False


VOUCHED_FOR = Terms()


@dataclass(frozen=True, slots=True)
class WrittenRating:
    """A rating as it stands in the journal, and the persona it is about; `own`: its rater asked for it."""

    id: int
    own: bool
    persona_id: int
    persona: PersonaSlug
    peer_percent: int


def rate(  # noqa: PLR0913  (what a form carries)
    session: Session,
    *,
    answer_id: AnswerId,
    rater: RaterId,
    stars: int | Thumb,
    reasons: Collection[Reason] = (),
    submission: UUID,
    at: datetime,
    terms: Terms = VOUCHED_FOR,
) -> WrittenRating:
    """Append a rating (stars, or a thumb in their place) and make it the rater's current one.

    Whoever asked may rate, and whom the answer was offered to (`peers`). The same by the same submission
    again changes nothing. Raises StarsOutOfRange, RaterErased, NotAgreed, UnknownAnswer, NotTheAsker, and
    FormOutdated when this form said so before and the rater said something else since.
    """
    thumb = stars if isinstance(stars, Thumb) else None
    if not isinstance(stars, Thumb) and stars not in STARS:
        raise StarsOutOfRange(stars)
    tags = sorted({reason.value for reason in reasons})
    said = _in_words(stars, tags)
    given = {"stars": None if thumb else stars, "thumb": thumb, "reasons": json.dumps(tags), "at": at}
    named = {"answer": answer_id, "rater": rater, "submission": said_once(submission, answer_id, rater, said)}
    row = _RATE.execute(session.connection(), {**asdict(terms), **named, **given}).one()
    _refuse_unless_may(row, answer_id)
    rating = row.id if row.id is not None else _said_before(session, answer_id, rater, said)
    percent = ExamplePolicy(**row.example_policy).peer_percent
    return WrittenRating(rating, row.own, row.persona_id, PersonaSlug(row.slug), percent)


def _refuse_unless_may(row: Row[Any], answer_id: AnswerId) -> None:
    refuse_unless_speaking(None if row.erased is None else row)
    if not row.agreed:
        raise NotAgreed
    if row.persona_id is None:
        raise UnknownAnswer(answer_id)
    if not (row.own or row.offered):
        raise NotTheAsker


def _said_before(session: Session, answer_id: AnswerId, rater: RaterId, said: str) -> int:
    """The id of the current rating; FormOutdated where it says something else."""
    current = _current_rating(session, answer_id, rater)
    if current is None or _in_words(current.thumb or current.stars, current.reasons) != said:
        raise FormOutdated
    return current.id


def _current_rating(session: Session, answer_id: AnswerId, rater: RaterId) -> RatingRow | None:
    return session.scalar(
        select(RatingRow)
        .join(CurrentRatingRow, CurrentRatingRow.rating_id == RatingRow.id)
        .where(CurrentRatingRow.answer_id == answer_id, CurrentRatingRow.rater_id == rater)
    )


def _in_words(given: object, tags: list[str]) -> str:
    return " ".join([str(given), *tags])
