"""One answer as its reviewer sees it: what everybody said of it, what was decided, and why it waits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from services.db.feedback_tables import AnswerRow, ConversationRow, PersonaRow, QuestionRow, RaterReviewRow
from services.db.retractions import COMPARISON, stands_sql
from services.db.review_tables import FeedbackReviewRow, ReviewLockRow
from services.domain.consistency import Consistency
from services.domain.feedback import AnswerId, Choice, Said
from services.domain.reviews import ReviewVerdict, Source
from services.errors.lookups import UnknownAnswer
from services.feedback.consistency import consistency_of_raters
from services.feedback.review_locks import held_by
from services.feedback.review_queue import LEFT_OUT, Cause, causes_of

# What counts of each rater by now; comments are read here and never learnt.
_SAID = text(f"""
    SELECT 'rating' AS kind, r.id, r.rater_id, r.created_at AS at, r.stars, r.thumb, r.reasons, '' AS text,
           CAST(NULL AS text) AS choice, CAST(NULL AS boolean) AS on_left
    FROM current_ratings c JOIN ratings r ON r.id = c.rating_id
    WHERE c.answer_id = :answer AND r.tombstone IS NULL
    UNION ALL
    SELECT 'correction', id, rater_id, created_at, NULL, NULL, '[]', text, NULL, NULL FROM (
        SELECT DISTINCT ON (rater_id) * FROM corrections k WHERE answer_id = :answer AND tombstone IS NULL
        AND {stands_sql(Said.CORRECTION, "k")}
        ORDER BY rater_id, id DESC
    ) corrected
    UNION ALL
    SELECT 'comparison', k.id, k.rater_id, k.created_at, NULL, NULL, '[]', o.text,
           k.choice, k.left_answer_id = :answer
    FROM (
        SELECT DISTINCT ON (rater_id, least(left_answer_id, right_answer_id),
                            greatest(left_answer_id, right_answer_id)) *
        FROM comparisons k WHERE :answer IN (left_answer_id, right_answer_id) AND tombstone IS NULL
        AND {stands_sql(COMPARISON, "k")}
        ORDER BY rater_id, least(left_answer_id, right_answer_id), greatest(left_answer_id, right_answer_id),
                 id DESC
    ) k
    JOIN answers o ON o.id <> :answer AND o.id IN (k.left_answer_id, k.right_answer_id)
    UNION ALL
    SELECT 'comment', id, rater_id, created_at, NULL, NULL, '[]', text, NULL, NULL FROM comments k
    WHERE answer_id = :answer AND tombstone IS NULL
    AND {stands_sql(Said.COMMENT, "k")}
    ORDER BY at, kind, id
""")  # noqa: S608  (the fragments are the code's own)


@dataclass(frozen=True, slots=True)
class ReviewedSource:
    """`text` is a better answer, a comment, or the answer that a comparison was with, empty once that is
    erased; `preferred` says whether this answer was chosen over it, of a choice between the two. `standing`
    is what is held of its rater, `consistency` how they compare.

    `decided` is the newest decision on it, `ban` the one that its rater was banned by, as long as they are:
    what was decided of the source before holds again after.
    """

    source: Source
    rater: UUID
    at: datetime
    stars: int | None
    thumb: str | None
    reasons: tuple[str, ...]
    text: str
    choice: Choice | None
    preferred: bool
    standing: str
    consistency: Consistency
    banned: bool
    decided: FeedbackReviewRow | None
    ban: FeedbackReviewRow | None

    @property
    def decisions(self) -> list[FeedbackReviewRow]:
        return [row for row in (self.decided, self.ban) if row is not None]

    @property
    def may_be_restored(self) -> bool:
        return self.banned or (self.decided is not None and self.decided.verdict == ReviewVerdict.OVERRULED)


@dataclass(frozen=True, slots=True)
class Item:
    answer: AnswerRow
    question: QuestionRow
    asker: UUID
    said: Sequence[ReviewedSource]
    causes: Sequence[Cause]
    lock: ReviewLockRow | None


def item(session: Session, persona: PersonaRow, answer_id: AnswerId, *, at: datetime) -> Item:
    """Raises UnknownAnswer, for one of another persona too."""
    row = session.execute(
        select(AnswerRow, QuestionRow, ConversationRow.rater_id)
        .join(QuestionRow, QuestionRow.id == AnswerRow.question_id)
        .join(ConversationRow, ConversationRow.id == QuestionRow.conversation_id)
        .where(
            AnswerRow.id == answer_id,
            AnswerRow.tombstone.is_(None),
            ConversationRow.persona_id == persona.id,
        )
    ).one_or_none()
    if row is None:
        raise UnknownAnswer(answer_id)
    return Item(
        answer=row.AnswerRow,
        question=row.QuestionRow,
        asker=row.rater_id,
        said=_said(session, persona, answer_id),
        causes=causes_of(session, persona, answer_id),
        lock=held_by(session, answer_id, at=at),
    )


def _said(session: Session, persona: PersonaRow, answer_id: AnswerId) -> list[ReviewedSource]:
    rows = session.execute(_SAID, {"answer": answer_id}).all()
    decided, bans = _decided(session, answer_id)
    verdicts = _verdicts(session, [row.rater_id for row in rows])
    standings = _standings(session, persona)
    consistent = consistency_of_raters(session, {row.rater_id for row in rows})
    found = []
    for row in rows:
        source = Source(row.kind, row.id)
        verdict = verdicts.get(row.rater_id, "")
        found.append(
            ReviewedSource(
                source=source,
                rater=row.rater_id,
                at=row.at,
                stars=row.stars,
                thumb=row.thumb,
                reasons=tuple(row.reasons),
                text=row.text,
                choice=Choice(row.choice) if row.choice else None,
                preferred=row.choice == (Choice.LEFT if row.on_left else Choice.RIGHT),
                standing=verdict or standings.get(str(row.rater_id), ""),
                consistency=consistent[row.rater_id],
                banned=verdict == "excluded",
                decided=decided.get(source),
                ban=bans.get(source) if verdict == "excluded" else None,
            )
        )
    return found


def _decided(
    session: Session, answer_id: AnswerId
) -> tuple[dict[Source, FeedbackReviewRow], dict[Source, FeedbackReviewRow]]:
    """The newest decision on each source itself, and the newest ban by it."""
    mine = select(FeedbackReviewRow).order_by(FeedbackReviewRow.id)
    of_pairs = text(
        "comparison_id IN (SELECT id FROM comparisons WHERE :answer IN (left_answer_id, right_answer_id))"
    )
    of_it = FeedbackReviewRow.answer_id == answer_id
    rows = session.scalars(mine.where(of_it | of_pairs), {"answer": answer_id}).all()
    return (
        {_source_of(row): row for row in rows if row.verdict != ReviewVerdict.BANNED},
        {_source_of(row): row for row in rows if row.verdict == ReviewVerdict.BANNED},
    )


def _source_of(row: FeedbackReviewRow) -> Source:
    ids = {"rating": row.rating_id, "correction": row.correction_id, "comparison": row.comparison_id}
    return next(Source(kind, number) for kind, number in ids.items() if number is not None)


def _verdicts(session: Session, raters: Sequence[UUID]) -> dict[UUID, str]:
    """What people decided of raters last."""
    rows = session.execute(
        select(RaterReviewRow.rater_id, RaterReviewRow.verdict)
        .where(RaterReviewRow.rater_id.in_(raters))
        .ext(distinct_on(RaterReviewRow.rater_id))
        .order_by(RaterReviewRow.rater_id, RaterReviewRow.id.desc())
    )
    return {row.rater_id: row.verdict for row in rows}


def _standings(session: Session, persona: PersonaRow) -> Mapping[str, Any]:
    """Of whom the newest set left out, why, by the rater's id."""
    return session.scalar(text(LEFT_OUT), {"persona": persona.id}) or {}
