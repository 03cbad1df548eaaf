"""What became of a rater's corrections: the first version that learnt from one and then served everyone."""

from collections.abc import Collection

from sqlalchemy import ARRAY, BigInteger, cast, select
from sqlalchemy.orm import Session

from services.db.feedback_tables import CorrectionRow
from services.db.lineage_tables import (
    AdapterVersionRow,
    PromotionRow,
    TrainingRunRow,
    TrainingSetSourcesRow,
)
from services.domain.feedback import AnswerId, RaterId, Said
from services.domain.promotions import PromotionKind
from services.feedback.retracting import stands


def shipped_in(session: Session, *, rater: RaterId, answers: Collection[AnswerId]) -> dict[AnswerId, int]:
    """By answer the number of that version, for the corrections that came so far."""
    if not answers:
        return {}
    mine = {
        row.id: AnswerId(row.answer_id)
        for row in session.execute(
            select(CorrectionRow.id, CorrectionRow.answer_id).where(
                CorrectionRow.rater_id == rater,
                CorrectionRow.answer_id.in_(answers),
                CorrectionRow.tombstone.is_(None),
                stands(Said.CORRECTION, CorrectionRow.id),
            )
        )
    }
    if not mine:
        return {}
    learnt = session.execute(
        select(AdapterVersionRow.number, TrainingSetSourcesRow.ids)
        .join(TrainingRunRow, AdapterVersionRow.training_run_id == TrainingRunRow.id)
        .join(TrainingSetSourcesRow, TrainingSetSourcesRow.training_set_id == TrainingRunRow.training_set_id)
        .where(
            TrainingSetSourcesRow.kind == "correction",
            TrainingSetSourcesRow.ids.op("&&")(cast(list(mine), ARRAY(BigInteger))),
            AdapterVersionRow.id.in_(
                select(PromotionRow.adapter_version_id).where(PromotionRow.kind == PromotionKind.FULL)
            ),
        )
        .order_by(AdapterVersionRow.id.desc())
    )
    return {mine[one]: number for number, ids in learnt for one in mine.keys() & set(ids)}
