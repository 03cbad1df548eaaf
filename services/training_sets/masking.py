"""Masking what is private in examples before they are frozen; what is private in a text is `privacy`'s."""

from collections import Counter
from dataclasses import replace
from functools import lru_cache

from services.domain.examples import Example
from services.training_sets.privacy import PrivateKind, mask


class Masking:
    """Masks one example after another; `counts` says how much of each kind was masked so far."""

    def __init__(self) -> None:
        self.counts: Counter[PrivateKind] = Counter()
        # A prompt's examples have its question in common, and often an answer.
        self._mask = lru_cache(maxsize=32)(mask)

    def mask(self, example: Example) -> Example:
        """The example without what is private in its texts, itself where nothing is."""
        question = example.question
        parts = (question.text, question.context, example.text, example.rejected)
        texts = [self._mask(text) for text in parts]
        if not any(masked.counts for masked in texts):
            return example
        for masked in texts:
            self.counts.update(masked.counts)
        asked, context, text, rejected = (masked.text for masked in texts)
        question = replace(question, text=asked, context=context)
        return replace(example, question=question, text=text, rejected=rejected)
