"""The hash chain over an append-only table: a row's link is the SHA-256 of the link before it and of itself.

Who may rewrite the table can rewrite every link after a changed row as well; not the newest link that
somebody noted elsewhere. The database makes the links (a trigger, so that no writer forgets them); here they
are made again from nothing but the rows, to be compared.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

Field = str | int | None


@dataclass(frozen=True, slots=True)
class ChainedRow:
    """`fields` as the chain's rule orders them: moments in UTC to the microsecond, fractions as texts."""

    id: int
    fields: Sequence[Field]
    link: str


@dataclass(frozen=True, slots=True)
class ChainCheck:
    """`broken`: the first row whose link is not what it must be, if any; `found`: noted links there are."""

    rows: int
    head: str
    broken: int | None
    found: frozenset[str]


def link_of(before: str, fields: Sequence[Field]) -> str:
    """As PostgreSQL makes it: the link before, then the fields as it writes a jsonb array."""
    written = json.dumps(list(fields), ensure_ascii=False)
    return hashlib.sha256((before + written).encode()).hexdigest()


def check_chain(rows: Iterable[ChainedRow], *, noted: Collection[str] = ()) -> ChainCheck:
    """Follow the chain from its first row, and look for links that were once read as the newest."""
    before, count = "", 0
    found: set[str] = set()
    broken: int | None = None
    for row in rows:
        count += 1
        if broken is None and row.link != link_of(before, row.fields):
            broken = row.id
        if row.link in noted:
            found.add(row.link)
        before = row.link
    return ChainCheck(rows=count, head=before, broken=broken, found=frozenset(found))
