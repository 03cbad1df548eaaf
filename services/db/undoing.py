"""What undoing a migration loses, told before it is lost. Each downgrade names its own."""

import logging
from collections.abc import Mapping

from alembic import op
from sqlalchemy import text

logger = logging.getLogger(__name__)


def warn_of_loss(revision: str, lost: Mapping[str, str]) -> None:
    """Log how many rows of each kind there are that the older schema has no place for, if any.

    `lost` gives what follows FROM in SQL, in the migration's own words, by what a person calls it.
    """
    connection = op.get_bind()
    there = {
        what: connection.scalar(text(f"SELECT count(*) FROM {rows}"))  # noqa: S608  (a migration's words)
        for what, rows in lost.items()
    }
    told = ", ".join(f"{count} {what}" for what, count in there.items() if count)
    if told:
        logger.warning("%s is undone, which loses %s: a backup alone brings them back", revision, told)
