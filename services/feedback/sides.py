"""Two answers as they are to stand before a rater: a value that choosing a pair makes and an offer stores."""

from dataclasses import dataclass
from uuid import UUID

from services.domain.comparing import OfferKind
from services.domain.feedback import Choice


@dataclass(frozen=True, slots=True)
class Sides:
    """Which answer stands where, and what of it is known: `pair` is None where they answer two prompts."""

    kind: OfferKind
    left: UUID
    right: UUID
    pair: int | None
    repeats: UUID | None = None
    expected: Choice | None = None
