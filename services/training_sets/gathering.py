"""One prompt's streamed rows with what was reconciled: the values that examples are made from."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from sqlalchemy import Row

from services.domain.consensus import Choice
from services.domain.disagreement import Disagreement
from services.domain.examples import Dropped, DropReason
from services.domain.signals import Correction, Preference, PromptFeedback, RatedAnswer, Seed
from services.training_sets.hearing import reasons_in
from services.training_sets.reconciling import Reconciled
from services.training_sets.texts import PromptTexts


def apart(feedback: PromptFeedback, disagreement: Disagreement | None) -> tuple[PromptFeedback, ...]:
    """What was compared by itself, where coins would agree as much as who compared; else all of it together.

    So it neither outweighs what was corrected nor takes its place among a prompt's pairs.
    """
    if disagreement is None or not disagreement.is_chance:
        return (feedback,)
    compared = replace(feedback, answers=(), corrections=(), seeds=())
    return replace(feedback, preferences=()), compared


class Gatherer:
    """Turns the rows of one prompt after another into feedback; `dropped` collects what does not count."""

    def __init__(self, reconciled: Reconciled) -> None:
        self._reconciled = reconciled
        self._numbers = {rater: number for number, rater in enumerate(reconciled.raters)}
        self.dropped: list[Dropped] = []

    def gather(self, prompt: PromptTexts) -> PromptFeedback:
        kinds: dict[str, list[Row[Any]]] = {"rated": [], "corrected": [], "compared": [], "seeded": []}
        for row in prompt.rows:
            kinds[row.what].append(row)
        return PromptFeedback(
            question=prompt.question,
            prompt_key=prompt.prompt_key,
            split=prompt.split,
            answers=tuple(self._rated(row) for row in kinds["rated"]),
            corrections=tuple(self._corrections(kinds["corrected"])),
            preferences=tuple(self._preferences(kinds["compared"])),
            seeds=tuple(Seed(f"seed:{row.id}", row.completion, row.imported_at) for row in kinds["seeded"]),
        )

    def _rated(self, row: Row[Any]) -> RatedAnswer:
        counted, answer = self._reconciled.counted, row.number
        said = self._reconciled.opinions_of(answer)
        good, poor = self._probabilities(answer, said)
        return RatedAnswer(
            answer_id=row.answer_id,
            text=row.answer,
            good=good,
            poor=poor,
            good_raters=int(self._reconciled.good[answer]),
            raters=tuple(counted.rater[said].tolist()),
            opinions=tuple([f"rating:{rating}" for rating in counted.rating[said].tolist()]),
            reasons=reasons_in(int(self._reconciled.tags[answer])),
        )

    def _probabilities(self, answer: int, said: slice) -> tuple[float, float]:
        """How probably the answer is good, and poor.

        A lone opinion is as probable as its rater is reliable: there is nothing to reconcile it with, and
        what answers are like on the whole should not overrule the one person who read this one.
        """
        consensus, counted = self._reconciled.consensus, self._reconciled.counted
        if said.stop - said.start != 1:
            poor, _, good = consensus.posterior[answer].tolist()
            return good, poor
        choice = counted.choice[said.start]
        reliability = float(consensus.reliability[counted.rater[said.start]])
        return (
            reliability if choice == Choice.GOOD else 0.0,
            reliability if choice == Choice.POOR else 0.0,
        )

    def _corrections(self, rows: Iterable[Row[Any]]) -> Iterator[Correction]:
        for row in rows:
            source = f"correction:{row.id}"
            if self._counts(row, source):
                yield Correction(
                    source=source,
                    answer_text=row.answer,
                    text=row.better,
                    rater=self._numbers[row.rater],
                    reliability=self._reliability(row.rater),
                    at=row.created_at,
                )

    def _preferences(self, rows: Iterable[Row[Any]]) -> Iterator[Preference]:
        for row in rows:
            source = f"comparison:{row.id}"
            if self._counts(row, source):
                texts = (row.left_text, row.right_text)
                chosen, rejected = texts[::-1] if row.choice == "right" else texts
                yield Preference(
                    source=source,
                    chosen=chosen,
                    rejected=rejected,
                    rater=self._numbers[row.rater],
                    reliability=self._reliability(row.rater),
                    ordered=row.choice in ("left", "right"),
                )

    def _counts(self, row: Row[Any], source: str) -> bool:
        against, rater = self._reconciled.against, self._numbers[row.rater]
        reason = against.reason(source, rater)
        beyond = row.of_day > self._reconciled.daily_limit and not against.lifted(source, rater)
        if reason is None and beyond:
            reason = DropReason.DAILY_LIMIT
        if reason is not None:
            self.dropped.append(Dropped((source,), reason))
        return reason is None

    def _reliability(self, rater: str) -> float:
        return float(self._reconciled.consensus.reliability[self._numbers[rater]])
