"""What the ratings of an open canary say: one mean for each conversation that was drawn in it.

Only who asked is heard: a draw is of their conversation, and how often anybody counts goes by the asker. What
others said of an answer that they were offered is left to training.
"""

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from services.db.feedback_tables import (
    AnswerRow,
    ConversationRow,
    CurrentRatingRow,
    QuestionRow,
    RaterReviewRow,
    RatingRow,
)
from services.db.lineage_tables import PromotionRow
from services.domain.canaries import ConversationMean
from services.domain.feedback import Thumb
from services.domain.style import mean_style

# Exact in binary, so that means do not turn on the order of what they are of.
_VALUE = case(
    (RatingRow.thumb == Thumb.UP, 1.0),
    (RatingRow.thumb == Thumb.DOWN, 0.0),
    else_=(RatingRow.stars - 1) / 4.0,
)
_FIRST_RATED = (
    select(func.min(RatingRow.id))
    .where(RatingRow.answer_id == AnswerRow.id, RatingRow.rater_id == ConversationRow.rater_id)
    .correlate(AnswerRow, ConversationRow)
    .scalar_subquery()
)
_REVIEWED = (
    select(RaterReviewRow.verdict)
    .where(RaterReviewRow.rater_id == ConversationRow.rater_id)
    .order_by(RaterReviewRow.id.desc())
    .limit(1)
    .correlate(ConversationRow)
    .scalar_subquery()
)


def rated_conversations(session: Session, canary: PromotionRow) -> list[ConversationMean]:
    """Conversations with answers drawn in this canary, in the order in which they were first rated.

    A conversation's mean is that of its asker's current ratings, one star for 0 and five for 1. Raters whom
    somebody excluded are left out.
    """
    arm = AnswerRow.adapter_version_id == canary.adapter_version_id
    rows = session.execute(
        select(
            ConversationRow.rater_id,
            arm.label("canary"),
            func.avg(_VALUE).label("value"),
            func.min(AnswerRow.propensity).label("propensity"),
            func.array_agg(AnswerRow.text).label("texts"),
        )
        .join(QuestionRow, QuestionRow.conversation_id == ConversationRow.id)
        .join(AnswerRow, AnswerRow.question_id == QuestionRow.id)
        .join(
            CurrentRatingRow,
            (CurrentRatingRow.answer_id == AnswerRow.id)
            & (CurrentRatingRow.rater_id == ConversationRow.rater_id),
        )
        .join(RatingRow, RatingRow.id == CurrentRatingRow.rating_id)
        .where(AnswerRow.promotion_id == canary.id, _REVIEWED.is_distinct_from("excluded"))
        .group_by(ConversationRow.id, arm)
        .order_by(func.min(_FIRST_RATED))
    )
    return [
        ConversationMean(
            value=float(row.value),
            canary=row.canary,
            propensity=row.propensity if row.canary else 1 - row.propensity,
            rater=str(row.rater_id),
            style=mean_style(row.texts),
        )
        for row in rows
    ]
