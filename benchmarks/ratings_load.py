"""Ratings from many raters at 200 a second: how long each takes, and whether each is kept, and once.

    python -m benchmarks.ratings_load [SECONDS]

An installation of its own: the embedded PostgreSQL, the app by the command of the Procfile. The raters are a
process of their own and rate at moments fixed beforehand. Then the same on a bare Flask view with one INSERT.
"""

import os
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from flask import Flask
from sqlalchemy import Engine, text

from benchmarks import _bare_view
from benchmarks._filled import Crowd, fill
from benchmarks._installation import own_installation
from benchmarks._rating_client import Result
from benchmarks._rating_load import Kept, driven, kept, percentile, plan_for
from benchmarks._serving import database
from benchmarks._spent import postgres, spent
from benchmarks._table import Bar, Relation, Row, report
from benchmarks._web import APP, web_app
from feedback_app import create_app
from services.db.granting import SERVICE_ROLE
from services.db.session import session_scope
from services.language_model.routing import open_generator
from services.settings import Settings

NAME = "ratings_load"
SECONDS = 300.0
BARE_SECONDS = 60.0
CROWD = Crowd(raters=400, answers_each=50)  # each comes back to an answer after 100 seconds
NONE = Bar(Relation.IS, 0)
BARS = {50: None, 95: None, 99: Bar(Relation.BELOW, 100), 99.9: None, 100: None}


@dataclass(frozen=True, slots=True)
class Measured:
    result: Result
    cpu: dict[str, float]  # seconds, by part

    @property
    def acknowledged(self) -> int:
        return sum(one.taken for one in self.result.outcomes)

    @property
    def late(self) -> float:
        """Milliseconds."""
        return 1000 * self.result.latest

    def took(self, percent: float) -> float:
        """Milliseconds."""
        return percentile(self.result.outcomes, percent)

    def each(self, part: str) -> float:
        """Milliseconds of a processor."""
        return 1000 * self.cpu[part] / len(self.result.outcomes)


def main() -> int:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="ratings-") as folder, own_installation(Path(folder)) as settings:
        Path(folder).chmod(0o711)  # PostgreSQL's user looks into it
        with database(settings) as engine:
            app = prepare(settings, engine)
            ours = _measure(settings, app, APP, seconds)
            with session_scope(engine) as session:
                found = kept(session, ours.result.outcomes)
            bare = _measure(settings, app, "benchmarks._bare_view:build()", min(seconds, BARE_SECONDS))
    report(NAME, [*_rows(ours, found, bare), Row("load of the machine before", load)])
    return 0


def prepare(settings: Settings, engine: Engine) -> Flask:
    """The crowd in the database, the bare view's table; an app in this process that signs as the other."""
    with session_scope(engine) as session:
        fill(session, CROWD, at=datetime.now(UTC))
        session.execute(text(_bare_view.TABLE))
        session.execute(text(f"GRANT INSERT ON bare_ratings TO {SERVICE_ROLE}"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
    generator = open_generator(
        settings.inference_endpoints, token=settings.inference_token.get_secret_value()
    )
    return create_app(settings, engine=engine, generator=generator)


def _measure(settings: Settings, app: Flask, served: str, seconds: float) -> Measured:
    with web_app(settings, app=served) as web:
        plan = plan_for(app, CROWD, web.address, seconds=seconds)
        server = postgres(settings)
        with driven(plan) as load, spent(app=web.main, database=server) as cpu:
            result = load.result()
    return Measured(result, {**cpu, "raters": result.cpu_seconds})


def _rows(ours: Measured, found: Kept, bare: Measured) -> list[Row]:
    refused = Counter(status for one in ours.result.outcomes for status in one.refused)
    return [
        Row("ratings sent, 200 a second", len(ours.result.outcomes), len(bare.result.outcomes)),
        Row("acknowledged", ours.acknowledged, bare.acknowledged),
        *(Row(f"answered {status}", count) for status, count in sorted(refused.items())),
        *(
            Row(f"milliseconds from its moment, p{percent:g}", ours.took(percent), bare.took(percent), bar)
            for percent, bar in BARS.items()
        ),
        Row("acknowledged and not in the journal", found.lost, bar=NONE),
        Row("in the journal twice, or unasked", found.doubled, bar=NONE),
        Row("answers with another current rating", found.wrong, bar=NONE),
        *(
            Row(f"processor milliseconds a rating, {part}", ours.each(part), bare.each(part))
            for part in ours.cpu
        ),
        Row("milliseconds that the raters were late at most", ours.late, bare.late),
    ]


if __name__ == "__main__":
    sys.exit(main())
