"""The two tables with a hash chain, and their rows as it is made of them. The rule is `domain.chain`."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Text, cast, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import InstrumentedAttribute, Session

from services.db.account_tables import AuditEntryRow
from services.db.lineage_tables import PromotionRow
from services.domain.chain import ChainedRow, Field

# What a link is made of, in this order for ever: a column that comes later is in no link.
LEDGER = ("id", "persona_id", "adapter_version_id", "kind", "share", "decision_id", "actor", "reason", "at")
AUDIT = ("id", "at", "actor", "act", "subject", "details")
CHAINS: dict[str, tuple[type[Any], tuple[str, ...]]] = {
    "ledger": (PromotionRow, LEDGER),
    "audit log": (AuditEntryRow, AUDIT),
}
_AT_ONCE = 1000


def chained_rows(session: Session, chain: str) -> Iterator[ChainedRow]:
    """Every row of a chain, oldest first."""
    table, columns = CHAINS[chain]
    chosen = select(table.link, *(_read(getattr(table, name)) for name in columns)).order_by(table.id)
    for link, *values in session.execute(chosen.execution_options(yield_per=_AT_ONCE)):
        yield ChainedRow(id=values[columns.index("id")], fields=[_field(one) for one in values], link=link)


def _read(column: InstrumentedAttribute[Any]) -> ColumnElement[Any]:
    """JSON as the text that PostgreSQL writes of it: it keeps an order of keys of its own."""
    return cast(column, Text) if isinstance(column.type, JSONB) else column.expression


def _field(value: object) -> Field:
    """As the trigger writes it."""
    match value:
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        case float():
            return f"{value:.6f}"
        case int() | str() | None:
            return value
    raise TypeError(f"no link holds a {type(value).__name__}")
