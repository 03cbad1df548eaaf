"""Reading results larger than memory: through a cursor on the server, so many rows at once."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Result, TextClause, text
from sqlalchemy.orm import Session

# A cursor's plan is by default the one that gives its first tenth soonest; these are read to the end.
_WHOLE = text("SET LOCAL cursor_tuple_fraction = 1")


def stream(
    session: Session, statement: TextClause, parameters: Mapping[str, object], *, chunk: int
) -> Result[Any]:
    """The rows of a statement, `chunk` of them in memory at a time, while the transaction lasts."""
    connection = session.connection()
    connection.execute(_WHOLE)
    options = {"stream_results": True, "max_row_buffer": chunk}
    return connection.execute(statement, parameters, execution_options=options)
