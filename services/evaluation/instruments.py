"""What measures answers besides comparing letters: a trained classifier and an embedding model.

Which there are, and what they were trained on, is part of the conditions of a report: numbers of different
instruments are never compared. Training and loading them is the job's.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from services.domain.evaluation import ADHERENCE_AUC, METRICS, OVERALL, MetricValue
from services.domain.statistics import Floats
from services.evaluation.metrics.adherence import Adherence
from services.evaluation.scoring import ItemScore, Scored


@dataclass(frozen=True, slots=True)
class Embedder:
    """`embed` gives the texts' embeddings, each of length 1 (texts, dimensions); `name` is the model's."""

    name: str
    embed: Callable[[Sequence[str]], Floats]


@dataclass(frozen=True, slots=True)
class Instruments:
    """None for what a persona that is alone, or an installation without an embedding model, does not have."""

    adherence: Adherence | None = None
    embedder: Embedder | None = None

    @property
    def conditions(self) -> dict[str, Any]:
        """What two reports must have been measured with alike to be compared, beside first versions."""
        conditions: dict[str, Any] = {}
        if later := {metric.name: metric.version for metric in METRICS.values() if metric.version > 1}:
            conditions["metrics"] = later
        if self.adherence:
            conditions["adherence"] = self.adherence.digest
        if self.embedder:
            conditions["embedding"] = self.embedder.name
        return conditions

    def measure(self, scores: Sequence[Scored]) -> list[Scored]:
        """The scores with what the instruments say of the answers among them."""
        measured = list(scores)
        answered = [(place, scored) for place, scored in enumerate(scores) if isinstance(scored, ItemScore)]
        adherence = self._adherence([scored.answer for _, scored in answered])
        similarity = self._similarity([scored for _, scored in answered])
        for (place, scored), persona_like, alike in zip(answered, adherence, similarity, strict=True):
            measured[place] = replace(scored, adherence=persona_like, semantic_similarity=alike)
        return measured

    def values(self) -> tuple[MetricValue, ...]:
        """How good the instruments are, for the report that they measured."""
        if self.adherence is None:
            return ()
        return (MetricValue(ADHERENCE_AUC.name, OVERALL, self.adherence.auc, self.adherence.held_out),)

    def _adherence(self, answers: Sequence[str]) -> list[float | None]:
        if self.adherence is None or not answers:
            return [None] * len(answers)
        return [float(one) for one in self.adherence.probabilities(answers)]

    def _similarity(self, scores: Sequence[ItemScore]) -> list[float | None]:
        """Cosines of answer and reference; None of items without a reference."""
        if self.embedder is None or not scores:
            return [None] * len(scores)
        answers = self.embedder.embed([scored.answer for scored in scores])
        references = self.embedder.embed([scored.item.reference for scored in scores])
        cosines = (answers * references).sum(axis=1)
        return [
            float(cosine) if scored.item.reference else None
            for cosine, scored in zip(cosines, scores, strict=True)
        ]
