"""The words of reviewing: what may be decided of something said, and how long it is a reviewer's."""

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Self

LOCKED_FOR = timedelta(minutes=10)  # since the reviewer's last act
_SOURCE = re.compile(r"(rating|correction|comparison):([1-9][0-9]{0,17})")


class ReviewVerdict(StrEnum):
    """Of one thing that somebody said; the newest counts."""

    AGREED = "agreed"  # it counts, whatever held it back
    OVERRULED = "overruled"  # it does not count from now on
    BANNED = "banned"  # nothing of its rater does
    RESTORED = "restored"  # an earlier one of these is taken back


class Why(StrEnum):
    """Why something is in the queue."""

    FLAGGED = "flagged"  # a rater called the answer unsafe
    DISPUTED = "disputed"  # raters are far apart, or prefer opposite answers
    QUARANTINED = "quarantined"  # left out by the newest set, as its rater is under review


@dataclass(frozen=True, slots=True)
class Source:
    """One row of a journal of feedback, by its name: such as "rating:12"."""

    kind: str
    id: int

    @property
    def name(self) -> str:
        return f"{self.kind}:{self.id}"

    @classmethod
    def parse(cls, name: str) -> Self | None:
        """None for what names none."""
        found = _SOURCE.fullmatch(name)
        return cls(found[1], int(found[2])) if found else None
