"""What a rater chose of a known pair: the offer is its journal, as `comparisons` is of other pairs.

It behaves as that one does, so that nobody sees a difference.
"""

from datetime import datetime
from uuid import UUID

from services.db.base import JsonObject
from services.db.comparing_tables import ComparisonOfferRow
from services.domain.feedback import UNDO_WITHIN, Choice
from services.errors.lookups import UnknownOffer
from services.errors.people import TooLateToUndo
from services.errors.refusals import FormOutdated


def append(offer: ComparisonOfferRow, choice: Choice, *, by: UUID, at: datetime) -> None:
    """Raises FormOutdated where this was said before, and something newer was since or it was taken back."""
    if all(one["by"] != str(by) for one in offer.said):
        offer.said = [*offer.said, {"by": str(by), "choice": choice.value, "at": at.isoformat()}]
    elif standing(offer)[-1:] != [one for one in offer.said if one["by"] == str(by)]:
        raise FormOutdated


def take_back(offer: ComparisonOfferRow, *, by: UUID, at: datetime) -> datetime:
    """When it was said. Raises UnknownOffer where it was not, TooLateToUndo."""
    found = next((one for one in offer.said if one["by"] == str(by)), None)
    if found is None:
        raise UnknownOffer(offer.id)
    said_at = datetime.fromisoformat(found["at"])
    if "taken_back_at" not in found:
        if at - said_at > UNDO_WITHIN:
            raise TooLateToUndo("choice")
        gone = found | {"taken_back_at": at.isoformat()}
        offer.said = [gone if one is found else one for one in offer.said]
    return said_at


def standing(offer: ComparisonOfferRow) -> list[JsonObject]:
    """What was said and not taken back, the newest last."""
    return [one for one in offer.said if "taken_back_at" not in one]
