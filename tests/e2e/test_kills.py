"""SIGKILL under one load of 20 seconds: of a web worker, of all of gunicorn, of PostgreSQL, in turn.

Raters who get an error or no answer send the same form once more, as its page would.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks._filled import Crowd, fill
from benchmarks._installation import own_installation
from benchmarks._killing import Killed, Kills, kill_in_turn
from benchmarks._rating_client import Outcome
from benchmarks._rating_load import Kept, driven, kept, plan_for
from benchmarks._serving import database
from benchmarks._web import web_app
from feedback_app import create_app
from services.db.session import session_scope
from tests.fakes import FakeGenerator

SECONDS, EVERY_S, PATIENCE_S = 20.0, 5.0, 90.0
AS_OFTEN_AS_IT_TAKES = "100000/minute"  # on a slow machine some send a form more often than people may
RATE = 40.0  # a second
CROWD = Crowd(raters=40, answers_each=40)  # nobody comes to rate an answer a second time
TOLD = {0, 503}  # of a try that failed: no answer at all, or a page that says to try again


@dataclass(frozen=True)
class Survived:
    killed: list[Killed]
    outcomes: list[Outcome]
    kept: Kept

    def sent_after(self, number: int) -> list[Outcome]:
        """Those whose moment came between this kill and the next."""
        ends = [*(one.at for one in self.killed[1:]), SECONDS]
        return [one for one in self.outcomes if self.killed[number].at <= one.planned < ends[number]]


@pytest.fixture(scope="module")
def survived(own_var_dir: Path) -> Iterator[Survived]:
    limits = {"FEEDBACK_PER_RATER": AS_OFTEN_AS_IT_TAKES}
    with own_installation(own_var_dir, **limits) as settings, database(settings) as engine:
        with session_scope(engine) as session:
            fill(session, CROWD, at=datetime.now(UTC))
        app = create_app(settings, engine=engine, generator=FakeGenerator())
        with web_app(settings) as web:
            plan = plan_for(app, CROWD, web.address, seconds=SECONDS, rate=RATE, patience=PATIENCE_S)
            with driven(plan) as load:
                killed = kill_in_turn(Kills(settings, web), load, seconds=SECONDS, every=EVERY_S)
                outcomes = list(load.result().outcomes)
        with session_scope(engine) as session:
            yield Survived(killed, outcomes, kept(session, outcomes))


def test_every_rating_that_was_acknowledged_is_in_the_journal_once_and_counts(survived: Survived):
    assert survived.kept.rows == len(survived.outcomes) > RATE * SECONDS / 2
    assert (survived.kept.lost, survived.kept.doubled, survived.kept.wrong) == (0, 0, 0)


@pytest.mark.parametrize("number", range(3), ids=("a worker", "every worker", "the database"))
def test_after_each_kill_everybody_gets_through_with_the_same_form(survived: Survived, number: int):
    sent = survived.sent_after(number)
    assert sent
    assert all(one.taken for one in sent)
    assert {status for one in sent for status in one.refused} <= TOLD


@pytest.mark.parametrize("number", [1, 2], ids=("every worker", "the database"))
def test_a_part_that_is_gone_was_needed(survived: Survived, number: int):
    """Else nothing was killed that anybody could have noticed."""
    assert any(one.refused for one in survived.sent_after(number))
