"""Ratings at 200 a second while web workers and PostgreSQL are killed in turn: is every one kept, and once?

    python -m benchmarks.kills [SECONDS]

The installation and the raters of `ratings_load`; whoever is not answered, or with an error, sends the same
once more under the same submission. What is killed comes back as `make up` brings it back.
"""

import os
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmarks._installation import own_installation
from benchmarks._killing import Killed, Kills, kill_in_turn, longest
from benchmarks._rating_client import Outcome
from benchmarks._rating_load import Kept, driven, kept, plan_for
from benchmarks._serving import database
from benchmarks._table import Row, report
from benchmarks._web import web_app
from benchmarks.ratings_load import CROWD, NONE, prepare
from services.db.session import session_scope

NAME = "kills"
SECONDS = 300.0
EVERY_S = 20.0  # one of the kills
PATIENCE_S = 60.0  # of a rater


def main() -> int:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    busy = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="kills-") as folder, own_installation(Path(folder)) as settings:
        Path(folder).chmod(0o711)  # PostgreSQL's user looks into it
        with database(settings) as engine:
            app = prepare(settings, engine)
            with web_app(settings) as web:
                plan = plan_for(app, CROWD, web.address, seconds=seconds, patience=PATIENCE_S)
                with driven(plan) as load:
                    killed = kill_in_turn(Kills(settings, web), load, seconds=seconds, every=EVERY_S)
                    outcomes = load.result().outcomes
            with session_scope(engine) as session:
                found = kept(session, outcomes)
    report(NAME, [*_rows(killed, outcomes, found), Row("load of the machine before", busy)])
    return 0


def _rows(killed: Sequence[Killed], outcomes: Sequence[Outcome], found: Kept) -> list[Row]:
    refused = Counter(status for one in outcomes for status in one.refused)
    times = Counter(one.what for one in killed)
    return [
        *(Row(f"killed: {what}", count) for what, count in times.items()),
        Row("ratings sent, 200 a second", len(outcomes)),
        Row("acknowledged", sum(one.taken for one in outcomes)),
        Row("sent more than once", sum(bool(one.refused) for one in outcomes)),
        *(
            Row(f"tries answered {status or 'with a broken connection'}", count)
            for status, count in sorted(refused.items())
        ),
        *(
            Row(f"seconds until taken, at most, after it: {what}", longest(what, killed, outcomes))
            for what in times
        ),
        Row("given up by their rater", sum(not one.taken for one in outcomes), bar=NONE),
        Row("acknowledged and not in the journal", found.lost, bar=NONE),
        Row("in the journal twice, or unasked", found.doubled, bar=NONE),
        Row("answers with another current rating", found.wrong, bar=NONE),
    ]


if __name__ == "__main__":
    sys.exit(main())
