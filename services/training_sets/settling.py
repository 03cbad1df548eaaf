"""The files of a set in the making: lines that stay, in order with what is replayed, and what is beside them.

Which lines stay is `choosing`'s to say. The files are frozen under their digests at the end.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from services.adapters.freezing import Frozen, freeze
from services.domain.examples import DropReason, Kind
from services.training_sets.choosing import Settled, choose, settle
from services.training_sets.decided import Decided
from services.training_sets.drafted import Drafted
from services.training_sets.taking_over import put_in_order

ROWS = "rows.jsonl"
_REFERENCES = "held_out.jsonl"
_MEMORY = "memory.jsonl"


@dataclass(frozen=True, slots=True)
class Kept:
    """What stays of the draft: rows to learn from, and references to judge by."""

    rows: Settled
    references: Settled


def settle_draft(drafted: Drafted, decided: Decided, folder: Path, *, may_learn: Collection[Kind]) -> Kept:
    """Write what stays; of the kinds the persona `may_learn`, what a later night may use waits beside it."""
    draft, new = drafted.draft, decided.new
    waiting = decided.chosen.waiting(draft.rows, may_learn, new=new)
    rows = settle(draft, draft.rows, folder / ROWS, decided.chosen, new=new, waiting=waiting)
    references = settle(
        draft,
        draft.references,
        folder / _REFERENCES,
        choose(draft.references, raters=len(drafted.raters), unused=drafted.unused_references),
        new=decided.new_references,
        kept_are=DropReason.HELD_OUT,
    )
    draft.close()
    if decided.replay is not None:
        tonight, waited = rows.kept[: decided.fresh], rows.kept[decided.fresh : new]
        put_in_order(folder / ROWS, parts=(int(tonight.sum()), int(waited.sum())))
        own = references.kept[: decided.new_references]
        put_in_order(folder / _REFERENCES, parts=(int(own.sum()),))
    return Kept(rows, references)


def freeze_files(drafted: Drafted, folder: Path, *, store_url: str) -> dict[str, Frozen]:
    """Every file of the set in the store, by what it holds."""
    drafted.memory.write(folder / _MEMORY)
    files = {
        "rows": folder / ROWS,
        "held_out": folder / _REFERENCES,
        "excluded": drafted.draft.excluded,
        "memory": folder / _MEMORY,
        "waiting": (folder / ROWS).with_suffix(".waiting"),
    }
    return {name: freeze(store_url, path) for name, path in files.items()}
