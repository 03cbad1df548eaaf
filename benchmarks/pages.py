"""Every page of a persona with a million ratings and 500 versions: how long it takes, in how many statements.

    python -m benchmarks.pages [RATINGS]

The app answers in this process, on an embedded PostgreSQL of its own: what a network adds is not in it. Who
looks is signed in and has asked 200 questions. Each page is seen once before, and with a dozen ratings too.
"""

import os
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text

from benchmarks._filled import Crowd
from benchmarks._installation import own_installation
from benchmarks._long_history import Years, fill_years
from benchmarks._looking import Looker, Seen, let_in, looking_app
from benchmarks._serving import database
from benchmarks._table import Bar, Relation, Row, report
from services.db.session import database_url, make_engine, session_scope
from services.language_model.routing import open_generator

NAME = "pages"
RATINGS = 1_000_000
TIMES = 20
FEW = Years(Crowd(raters=4, answers_each=3, days=2), ratings_each=1, versions=3)
FAST = Bar(Relation.BELOW, 200)


@dataclass(frozen=True, slots=True)
class Looked:
    filled_in: float  # seconds
    pages: Mapping[str, list[Seen]]


def main() -> int:
    ratings = int(sys.argv[1]) if len(sys.argv) > 1 else RATINGS
    load = os.getloadavg()[0]
    years = Years(Crowd(raters=ratings // 1000, answers_each=200, days=400), ratings_each=5, versions=500)
    few, many = _look(FEW), _look(years)
    rows = [Row("ratings", ratings), Row("seconds to fill", many.filled_in)]
    for endpoint, seen in sorted(many.pages.items(), key=lambda page: -_p95(page[1])):
        rows.append(Row(f"{endpoint}: p95 milliseconds", _p95(seen), _p95(few.pages[endpoint]), FAST))
    for endpoint, seen in sorted(many.pages.items()):
        of_few = len(few.pages[endpoint][-1].statements)
        rows.append(
            Row(f"{endpoint}: statements", len(seen[-1].statements), of_few, Bar(Relation.IS, of_few))
        )
    report(NAME, [*rows, Row("load of the machine before", load)])
    return 0


def _look(years: Years) -> Looked:
    """Every page, over and over; `theirs` in the table is what it was with a dozen ratings."""
    with tempfile.TemporaryDirectory(prefix="pages-") as folder, own_installation(Path(folder)) as settings:
        Path(folder).chmod(0o711)  # PostgreSQL's user looks into it
        with database(settings) as owner:
            begun, at = time.perf_counter(), datetime.now(UTC)
            with session_scope(owner) as session:
                fill_years(session, years, at=at)
            with session_scope(owner) as session:
                token, known = let_in(session, at=at)
            with owner.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(text("VACUUM ANALYZE"))
            filled_in = time.perf_counter() - begun
            engine = make_engine(database_url(settings), pool_size=2)
            token_of = settings.inference_token.get_secret_value()
            generator = open_generator(settings.inference_endpoints, token=token_of)
            looker = Looker(looking_app(settings, engine, generator), token, known)
            seen = {}
            for endpoint, address in looker.addresses().items():
                looker.look(address)
                seen[endpoint] = [looker.look(address) for _ in range(TIMES)]
            engine.dispose()
    return Looked(filled_in, seen)


def _p95(seen: list[Seen]) -> float:
    """Milliseconds that 95 % took at most."""
    return 1000 * sorted(one.seconds for one in seen)[int(0.95 * len(seen)) - 1]


if __name__ == "__main__":
    sys.exit(main())
