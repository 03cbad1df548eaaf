"""Who serves, and where a rollback leads: derived from a persona's ledger of promotions alone."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.domain.personas import PersonaSlug
from services.errors.refusals import (
    NothingToRollBackTo,
    VersionNeverServed,
    VersionServesAlready,
    VersionUnsound,
)

BASE_VERSION = 0


class PromotionKind(StrEnum):
    FULL = "full"
    ROLLBACK = "rollback"
    REINSTATE = "reinstate"


@dataclass(frozen=True, slots=True)
class Promotion:
    """One row of the ledger: from `at` on, `version` serves."""

    version: int
    kind: PromotionKind
    at: datetime


def champion(history: Sequence[Promotion]) -> int:
    """The version that serves now, given the ledger oldest first: the last row's, or the plain base."""
    return history[-1].version if history else BASE_VERSION


def rollback_target(
    history: Sequence[Promotion], to_version: int | None, *, persona: PersonaSlug, unsound: Collection[int]
) -> int:
    """The version a rollback (or reinstate) puts in place.

    Named: that version, if it once served and is sound. Not named: the version that served before the
    champion came, skipping unsound ones; the plain base at the end of that line.
    Raises NothingToRollBackTo, VersionNeverServed, VersionServesAlready, VersionUnsound.
    """
    now = champion(history)
    served = {BASE_VERSION, *(promotion.version for promotion in history)}
    if to_version is not None:
        if to_version not in served:
            raise VersionNeverServed(persona, to_version)
        if to_version == now:
            raise VersionServesAlready(persona, to_version)
        if to_version in unsound:
            raise VersionUnsound(persona, to_version, "its files failed their check")
        return to_version
    for candidate in _line_of(history)[-2::-1]:
        if candidate not in unsound:
            return candidate
    if now == BASE_VERSION:
        raise NothingToRollBackTo(persona)
    return BASE_VERSION


def newest_sound(history: Sequence[Promotion], *, unsound: Collection[int]) -> int:
    """The version to fall back to when the champion's files fail: the newest sound one on the way to it.

    A version that people rolled back is not on that way: damage elsewhere must not bring it back.
    """
    return next(version for version in reversed(_line_of(history)) if version not in unsound)


def _line_of(history: Sequence[Promotion]) -> list[int]:
    """Versions by which the champion got here: a promotion extends the line, a rollback cuts it back.

    So rolling back twice goes two steps back instead of forth and back between two versions.
    """
    line = [BASE_VERSION]
    for promotion in history:
        if promotion.version in line:
            del line[line.index(promotion.version) + 1 :]
        else:
            line.append(promotion.version)
    return line
