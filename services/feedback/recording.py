"""Writing down what people say of an answer. Journals are append-only; a form sent twice counts once.

What they ask is `questions`; reading pages is `queries`.
"""

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import Row, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.db.feedback_tables import (
    AnswerRow,
    CommentRow,
    ComparisonRow,
    ConversationRow,
    CorrectionRow,
    CurrentRatingRow,
    PeerOfferRow,
    PersonaRow,
    QuestionRow,
    RatingRow,
)
from services.db.prepared import Prepared
from services.db.retractions import stands
from services.domain.conversation import check_said
from services.domain.example_policy import ExamplePolicy
from services.domain.feedback import (
    COMMENT_LIMIT,
    CORRECTION_LIMIT,
    STARS,
    AnswerId,
    Choice,
    RaterId,
    Reason,
    Said,
    Thumb,
)
from services.domain.personas import PersonaSlug
from services.errors.inputs import (
    AnswerNotInFormat,
    AnswersNotComparable,
    CorrectionUnchanged,
    StarsOutOfRange,
)
from services.errors.lookups import UnknownAnswer
from services.errors.people import NotAgreed, NotTheAsker
from services.errors.refusals import FormOutdated
from services.feedback.erasing import refuse_unless_speaking

# Ratings come by the hundred a second: one round trip, and a statement that is not planned anew each time.
# Until it ends the rater is not erased, as `hold_rater` sees to it elsewhere; from then on the rating is the
# current one, unless a newer one is already.
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
    """On which somebody rates: `wording` is what they have to have agreed to, None for whom somebody else
    speaks; `without_account`: their cookie counts for nobody who has one, who has to be signed in.
    """

    wording: int | None = None
    without_account: bool = False


VOUCHED_FOR = Terms()


@dataclass(frozen=True, slots=True)
class Rated:
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
) -> Rated:
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
    return Rated(rating, row.own, row.persona_id, PersonaSlug(row.slug), percent)


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


def correct(
    session: Session, *, answer_id: AnswerId, rater: RaterId, text: str, submission: UUID, at: datetime
) -> int:
    """Append a better answer, and return its id; one that equals the answer is no correction and is refused.

    It is in the format that the persona is asked for, unless its answers are not validated either.
    Raises EmptyText, TextTooLong, CorrectionUnchanged, AnswerNotInFormat, UnknownAnswer, NotTheAsker, and
    FormOutdated as `rate` does.
    """
    checked = check_said("better answer", text, limit=CORRECTION_LIMIT)
    answer = _own_answer(session, answer_id, rater)
    _check_format(session, answer_id, checked)
    if checked.split() == answer.split():
        raise CorrectionUnchanged
    once = said_once(submission, answer_id, rater, checked)
    return _append_text(
        session, CorrectionRow, answer_id=answer_id, rater=rater, text=checked, submission=once, at=at
    )


def compare(
    session: Session,
    *,
    left: AnswerId,
    right: AnswerId,
    rater: RaterId,
    choice: Choice,
    submission: UUID,
    at: datetime,
) -> int:
    """Append a choice between two answers to one prompt, as they stood on the page, and return its id.

    Raises AnswersNotComparable unless both answer one prompt, UnknownAnswer, NotTheAsker.
    """
    for answer_id in (left, right):
        _answer_to_rate(session, answer_id, rater)
    asked = select(QuestionRow.prompt_key).join(AnswerRow).where(AnswerRow.id.in_((left, right)))
    if left == right or len(set(session.scalars(asked))) != 1:
        raise AnswersNotComparable
    return append_choice(
        session, left=left, right=right, rater=rater, choice=choice, submission=submission, at=at
    )


def append_choice(
    session: Session,
    *,
    left: AnswerId,
    right: AnswerId,
    rater: RaterId,
    choice: Choice,
    submission: UUID,
    at: datetime,
) -> int:
    """The id of what stands in the journal; whether these two may be compared was looked at before."""
    once = said_once(submission, left, rater, f"{right} {choice}")
    added: int | None = session.scalar(
        insert(ComparisonRow)
        .values(
            left_answer_id=left,
            right_answer_id=right,
            rater_id=rater,
            choice=choice,
            submission=once,
            created_at=at,
        )
        .on_conflict_do_nothing(index_elements=["submission"])
        .returning(ComparisonRow.id)
    )
    if added is not None:
        return added
    return session.scalars(select(ComparisonRow.id).where(ComparisonRow.submission == once)).one()


def comment(
    session: Session, *, answer_id: AnswerId, rater: RaterId, text: str, submission: UUID, at: datetime
) -> int:
    """Append a comment, and return its id.

    Raises EmptyText, TextTooLong, UnknownAnswer, NotTheAsker, and FormOutdated as `rate` does.
    """
    checked = check_said("comment", text, limit=COMMENT_LIMIT)
    _own_answer(session, answer_id, rater)
    once = said_once(submission, answer_id, rater, checked)
    return _append_text(
        session, CommentRow, answer_id=answer_id, rater=rater, text=checked, submission=once, at=at
    )


def _append_text(
    session: Session,
    journal: type[CorrectionRow | CommentRow],
    *,
    answer_id: AnswerId,
    rater: RaterId,
    text: str,
    submission: UUID,
    at: datetime,
) -> int:
    """The id of what stands in the journal.

    A form sent twice is thanked for twice, but not once something newer stands in its place, or it was taken
    back: FormOutdated.
    """
    said = Said.CORRECTION if journal is CorrectionRow else Said.COMMENT
    added: int | None = session.scalar(
        insert(journal)
        .values(answer_id=answer_id, rater_id=rater, text=text, submission=submission, created_at=at)
        .on_conflict_do_nothing(index_elements=["submission"])
        .returning(journal.id)
    )
    if added is not None:
        return added
    newest = session.execute(
        select(journal.id, journal.text)
        .where(journal.answer_id == answer_id, journal.rater_id == rater, stands(said, journal.id))
        .order_by(journal.id.desc())
        .limit(1)
    ).one_or_none()
    if newest is None or newest.text != text:
        raise FormOutdated
    return int(newest.id)


def _current_rating(session: Session, answer_id: AnswerId, rater: RaterId) -> RatingRow | None:
    return session.scalar(
        select(RatingRow)
        .join(CurrentRatingRow, CurrentRatingRow.rating_id == RatingRow.id)
        .where(CurrentRatingRow.answer_id == answer_id, CurrentRatingRow.rater_id == rater)
    )


def _in_words(given: object, tags: list[str]) -> str:
    return " ".join([str(given), *tags])


def said_once(submission: UUID, answer_id: AnswerId, rater: RaterId, said: str) -> UUID:
    """What may stand in a journal once: this, said of this answer, by this form.

    A form that is gone back to and changed says something new, though it carries the same submission.
    """
    return uuid5(submission, f"{answer_id} {rater} {said}")


def _check_format(session: Session, answer_id: AnswerId, better: str) -> None:
    """AnswerNotInFormat for a text that the persona would not be let off with itself."""
    persona, question = session.execute(
        select(PersonaRow, QuestionRow.text)
        .join(ConversationRow, ConversationRow.persona_id == PersonaRow.id)
        .join(QuestionRow, QuestionRow.conversation_id == ConversationRow.id)
        .join(AnswerRow, AnswerRow.question_id == QuestionRow.id)
        .where(AnswerRow.id == answer_id)
    ).one()
    rules = persona.as_persona().answers
    if rules.validation and (problem := rules.problem(better, question)):
        raise AnswerNotInFormat(persona.slug, rules.instruction, problem)


def _answer_to_rate(session: Session, answer_id: AnswerId, rater: RaterId) -> None:
    """UnknownAnswer, or NotTheAsker unless the rater asked for it or was offered it."""
    if session.get(PeerOfferRow, (rater, answer_id)) is None:
        _own_answer(session, answer_id, rater)


def _own_answer(session: Session, answer_id: AnswerId, rater: RaterId) -> str:
    """The text of an answer that this rater asked for."""
    found = session.execute(
        select(ConversationRow.rater_id, AnswerRow.text)
        .join(QuestionRow, QuestionRow.conversation_id == ConversationRow.id)
        .join(AnswerRow, AnswerRow.question_id == QuestionRow.id)
        .where(AnswerRow.id == answer_id, AnswerRow.tombstone.is_(None))
    ).one_or_none()
    if found is None:
        raise UnknownAnswer(answer_id)
    if found.rater_id != rater:
        raise NotTheAsker
    return str(found.text)
