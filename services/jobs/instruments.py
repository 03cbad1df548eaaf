"""What an evaluation measures with: the classifier is trained anew, the embedding model is loaded."""

import logging
from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.db.lineage_tables import TrainingSetRow
from services.errors.artifacts import FrozenFileCorrupt
from services.evaluation.instruments import Embedder, Instruments
from services.evaluation.metrics.adherence import Adherence, train
from services.settings import Settings
from services.training_sets.conditions import of_everyone
from services.training_sets.learnt_texts import LearntTexts, read_learnt

logger = logging.getLogger(__name__)


def open_instruments(
    settings: Settings, learnt: LearntTexts, others: Sequence[TrainingSetRow]
) -> Instruments:
    """The instruments for versions that learnt these texts, beside the sets of the other personas."""
    return Instruments(_adherence(settings.store_url, learnt, others), _embedder(settings))


def learnt_of(store_url: str, training_set: TrainingSetRow) -> LearntTexts:
    """What a set holds up as good; nothing, with a warning, where its file is gone."""
    try:
        return read_learnt(store_url, training_set)
    except FrozenFileCorrupt as problem:
        logger.warning("evaluated without the texts of training set %d: %s", training_set.id, problem)
        return LearntTexts((), ())


def sets_of_others(session: Session, training_set: TrainingSetRow) -> list[TrainingSetRow]:
    """Of each other persona the newest set that was there when this one was made: a retry finds the same."""
    newest = (
        select(func.max(TrainingSetRow.id))
        .where(
            TrainingSetRow.persona_id != training_set.persona_id,
            TrainingSetRow.id < training_set.id,
            of_everyone(),
            TrainingSetRow.redacted_at.is_(None),
        )
        .group_by(TrainingSetRow.persona_id)
    )
    rows = select(TrainingSetRow).where(TrainingSetRow.id.in_(newest)).order_by(TrainingSetRow.id)
    return list(session.scalars(rows))


def _adherence(store_url: str, learnt: LearntTexts, others: Sequence[TrainingSetRow]) -> Adherence | None:
    theirs = [text for other in others for text in learnt_of(store_url, other).good]
    classifier = train(learnt.good, theirs) if theirs else None
    if classifier:
        logger.info(
            "the adherence classifier tells %d texts it never saw with an AUC of %.3f",
            classifier.held_out,
            classifier.auc,
        )
    return classifier


def _embedder(settings: Settings) -> Embedder | None:
    name = settings.evaluation_embedding_model
    if not name:
        return None
    from services.language_model.embedding import load_encoder  # noqa: PLC0415  (torch)

    return Embedder(name, load_encoder(name))
