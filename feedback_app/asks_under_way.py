"""The asks that wait for a model in this process, and how many may: each of them holds a thread.

Ratings, pages and refusals take no time to speak of; they share the threads that asks must leave alone.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Self

from services.domain.feedback import RaterId
from services.errors.outages import TooManyAsks, TooManyOwnAsks

OF_ONE_RATER = 4
LEFT_ALONE = 8  # of so many threads one, and one at least


@dataclass(slots=True)
class AsksUnderWay:
    """Shared by all threads of a process."""

    at_once: int
    _of_rater: Counter[RaterId] = field(default_factory=Counter)
    _lock: Lock = field(default_factory=Lock)

    @classmethod
    def beside_others(cls, threads: int) -> Self:
        """As many as leave some of these threads to everybody else; one where there is only one thread."""
        return cls(at_once=max(1, threads - max(1, threads // LEFT_ALONE)))

    @contextmanager
    def one_more(self, rater: RaterId) -> Iterator[None]:
        """An ask of this rater, for as long as the block runs. Raises TooManyOwnAsks, TooManyAsks."""
        with self._lock:
            if self._of_rater[rater] >= OF_ONE_RATER:
                raise TooManyOwnAsks(OF_ONE_RATER)
            if self._of_rater.total() >= self.at_once:
                raise TooManyAsks
            self._of_rater[rater] += 1
        try:
            yield
        finally:
            with self._lock:
                self._of_rater -= Counter({rater: 1})  # drops raters who have none left
