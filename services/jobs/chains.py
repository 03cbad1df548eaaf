"""Whether ledger and audit log are what was once written into them."""

from collections.abc import Sequence
from typing import Any

from services.db.chains import CHAINS, chained_rows
from services.db.session import session_scope
from services.domain.chain import ChainCheck, check_chain
from services.jobs.installation import open_installation


def verify(noted: Sequence[str] = ()) -> list[dict[str, Any]]:
    """One record a chain; each of `noted` was once the newest link of one of them.

    A chain cannot tell of rows that were cut off its end: only a link noted before does.
    """
    with open_installation() as installation, session_scope(installation.engine) as session:
        checked = {name: check_chain(chained_rows(session, name), noted=noted) for name in CHAINS}
    missing = set(noted).difference(*(one.found for one in checked.values()))
    return [_record(name, one, missing) for name, one in checked.items()]


def _record(name: str, checked: ChainCheck, missing: set[str]) -> dict[str, Any]:
    problem = ""
    if checked.broken is not None:
        problem = f"row {checked.broken} or one before it was changed after it was written"
    elif missing:
        problem = f"no chain holds {', '.join(sorted(missing))}: rows were cut off or rewritten"
    return {
        "chain": name,
        "rows": checked.rows,
        "head": checked.head,
        "sound": not problem,
        "problem": problem,
    }
