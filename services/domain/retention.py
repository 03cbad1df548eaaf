"""Which versions may lose their files, and why each of the others keeps them: the rules alone."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.domain.promotions import Promotion, champion, open_canary, served

ORPHAN_GRACE = timedelta(hours=24)  # what somebody is still writing is younger


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """Of what nothing else keeps: the newest so many versions stay, and all that are younger than that."""

    versions: int
    days: int


@dataclass(frozen=True, slots=True)
class Holding:
    """A version that has files. `decided`: a stored decision names it, as candidate, champion or anchor.

    `awaited`: another persona's first training is to begin with it. `tainted`: it learnt from a rater who was
    erased.
    """

    number: int
    created_at: datetime
    decided: bool
    awaited: bool = False
    tainted: bool = False


def why_kept(
    holdings: Iterable[Holding],
    history: Sequence[Promotion],
    *,
    previous: int,
    policy: RetentionPolicy,
    at: datetime,
) -> dict[int, str]:
    """The reason to keep each version, by number; an empty one for a version that may go.

    Nothing keeps a tainted one but that it serves still.

    `history` is the persona's ledger, oldest first, and `previous` where a rollback leads to.
    """
    held = {one.number: one for one in holdings}
    newest = sorted(held)[-policy.versions :]
    canary, once = open_canary(history), served(history)
    rules: dict[int, tuple[tuple[bool, str], ...]] = {
        number: (
            (number == champion(history), "it serves"),
            (canary is not None and number == canary.version, "a canary is open"),
            (one.tainted, ""),
            (one.awaited, "another persona is to begin with it"),
            (number == previous, "a rollback leads to it"),
            (number in once, "it served, and can be put back"),
            (one.decided, "a decision names it"),
            (number in newest, f"one of the newest {policy.versions}"),
            (at - one.created_at < timedelta(days=policy.days), f"younger than {policy.days} days"),
        )
        for number, one in held.items()
    }
    return {number: next((why for holds, why in of if holds), "") for number, of in rules.items()}


def why_orphan_kept(number: int, *, newest: int, written_at: datetime, at: datetime) -> str:
    """The reason to keep a folder that no version has; empty when it may go.

    The next version is numbered past what a crash left. While none is, the database may be older than the
    store, restored from a backup, and the folder a version it does not know yet.
    """
    if number > newest:
        return "above the newest version the database knows"
    return _why_young_kept(written_at, at=at)


def why_unnamed_kept(written_at: datetime, *, newest: datetime | None, at: datetime) -> str:
    """The reason to keep a frozen file that no row names; empty when it may go.

    `newest` is when the newest row was made that could name one: a file that is younger may be named by rows
    that a restored database does not know yet.
    """
    if newest is None or written_at > newest:
        return "newer than what the database knows"
    return _why_young_kept(written_at, at=at)


def _why_young_kept(written_at: datetime, *, at: datetime) -> str:
    return "written within the last day" if at - written_at < ORPHAN_GRACE else ""
