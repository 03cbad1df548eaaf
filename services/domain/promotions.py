"""Who serves, and where a rollback leads: derived from a persona's ledger of promotions alone.

A canary stands in the ledger without taking the champion's place: it is open while its row is the newest, and
any row after it ends it. To have been in one is not to have served: such a version is no place to go back to.
"""

import hashlib
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
    CANARY = "canary"
    FULL = "full"
    ROLLBACK = "rollback"
    REINSTATE = "reinstate"


@dataclass(frozen=True, slots=True)
class Promotion:
    """One row of the ledger: from `at` on, `version` serves; a canary, `share` of the conversations."""

    version: int
    kind: PromotionKind
    at: datetime
    share: float | None = None


def champion(history: Sequence[Promotion]) -> int:
    """The version that serves now, given the ledger oldest first: the plain base before any promotion."""
    return _line_of(history)[-1]


def open_canary(history: Sequence[Promotion]) -> Promotion | None:
    """The canary that some conversations go to now, if any."""
    newest = history[-1] if history else None
    return newest if newest and newest.kind is PromotionKind.CANARY else None


def served(history: Sequence[Promotion]) -> set[int]:
    """The versions that served everyone at some time, the plain base among them."""
    return {BASE_VERSION, *(promotion.version for promotion in _in_full(history))}


def goes_to_canary(rater: object, conversation: object, promotion: int, *, share: float) -> bool:
    """Whether a conversation is answered by a canary: drawn by hash, the same for all of its turns."""
    drawn = hashlib.sha256(f"{rater}\n{conversation}\n{promotion}".encode()).digest()[:8]
    return int.from_bytes(drawn, "big") < share * 2**64


def rollback_target(
    history: Sequence[Promotion], to_version: int | None, *, persona: PersonaSlug, unsound: Collection[int]
) -> int:
    """The version a rollback (or reinstate) puts in place.

    Named: that version, if it once served and is sound. Not named: the version that served before the
    champion came, skipping unsound ones; the plain base at the end of that line. While a canary is open, it
    is what is taken back: not named is the champion then, and the champion may be named.
    Raises NothingToRollBackTo, VersionNeverServed, VersionServesAlready, VersionUnsound.
    """
    now, canary = champion(history), open_canary(history)
    if to_version is not None:
        if to_version not in served(history):
            tried = any(promotion.version == to_version for promotion in history)
            raise VersionNeverServed(persona, to_version, tried=tried)
        if to_version == now and canary is None:
            raise VersionServesAlready(persona, to_version)
        if to_version in unsound:
            raise VersionUnsound(persona, to_version, "its files failed their check")
        return to_version
    if canary is not None:
        return now
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
    for promotion in _in_full(history):
        if promotion.version in line:
            del line[line.index(promotion.version) + 1 :]
        else:
            line.append(promotion.version)
    return line


def _in_full(history: Sequence[Promotion]) -> list[Promotion]:
    return [promotion for promotion in history if promotion.kind is not PromotionKind.CANARY]
