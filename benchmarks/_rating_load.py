"""A load of ratings on an app that is up, and what is in the database of what was acknowledged."""

import json
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit
from uuid import UUID

from flask import Flask, Response, g
from sqlalchemy import text
from sqlalchemy.orm import Session

from benchmarks._filled import Crowd, answer_id, rater_id
from benchmarks._rating_client import SEATED, Outcome, Plan, Result, read_result
from feedback_app import raters

RATE = 200.0  # a second
CHANCE = 20_261_121
_ENDS_WITHIN = 120.0  # seconds beside the load's own


def plan_for(
    app: Flask, crowd: Crowd, address: str, *, seconds: float, rate: float = RATE, patience: float = 0.0
) -> Plan:
    """`app` signs the raters' cookies: it has the secret key of the one at `address`."""
    where = urlsplit(address)
    return Plan(
        host=where.hostname or "",
        port=where.port or 0,
        cookies=[_cookies(app, number) for number in range(crowd.raters)],
        pages=[
            [f"/answers/{answer_id(number)}" for number in range(rater, crowd.answers, crowd.raters)]
            for rater in range(crowd.raters)
        ],
        rate=rate,
        seconds=seconds,
        chance=CHANCE,
        patience=patience,
    )


class Driven:
    """A load that has begun; `result` waits for its end."""

    def __init__(self, process: subprocess.Popen[str], plan: Plan, told: Path) -> None:
        self._process, self._plan, self._told = process, plan, told

    def is_over(self) -> bool:
        """Every rater has got through, or given up."""
        return self._process.poll() is not None

    def result(self) -> Result:
        """Raises CalledProcessError, TimeoutExpired."""
        code = self._process.wait(self._plan.seconds + self._plan.patience + _ENDS_WITHIN)
        if code:
            raise subprocess.CalledProcessError(code, self._process.args)
        return read_result(self._told)


@contextmanager
def driven(plan: Plan) -> Iterator[Driven]:
    """The raters of the plan, in a process of their own; CalledProcessError where they cannot sit down."""
    with TemporaryDirectory(prefix="raters-") as folder:
        asked, told = Path(folder) / "plan.json", Path(folder) / "result.json"
        asked.write_text(json.dumps(asdict(plan)), encoding="utf-8")
        command = [sys.executable, "-m", "benchmarks._rating_client", str(asked), str(told)]
        with subprocess.Popen(  # noqa: S603 - this interpreter, our own module
            command, stdout=subprocess.PIPE, text=True
        ) as process:
            try:
                if process.stdout is None or process.stdout.readline().strip() != SEATED:
                    raise subprocess.CalledProcessError(process.wait(), command)
                yield Driven(process, plan, told)
            finally:
                process.kill()


@dataclass(frozen=True, slots=True)
class Kept:
    """`lost` were acknowledged and are in no journal; `doubled` rows belong to nothing that was sent, or to
    what was acknowledged already; `wrong` answers have another current rating than was acknowledged last."""

    rows: int
    lost: int
    doubled: int
    wrong: int


def kept(session: Session, outcomes: Sequence[Outcome]) -> Kept:
    """The journal and its pointers, held against what the raters were told."""
    said, unknown = defaultdict[UUID, list[int]](list), defaultdict[UUID, list[int]](list)
    for one in sorted(outcomes, key=lambda outcome: outcome.planned):
        (said if one.taken else unknown)[UUID(one.page.rpartition("/")[2])].append(one.stars)
    journal = defaultdict[UUID, list[int]](list)
    for answer, stars in session.execute(text("SELECT answer_id, stars FROM ratings ORDER BY id")):
        journal[answer].append(stars)
    pointed = text("SELECT c.answer_id, r.stars FROM current_ratings c JOIN ratings r ON r.id = c.rating_id")
    current = {row.answer_id: row.stars for row in session.execute(pointed)}
    lost = doubled = wrong = 0
    for answer in {*said, *unknown, *journal}:
        acknowledged, there = Counter(said[answer]), Counter(journal[answer])
        lost += (acknowledged - there).total()
        doubled += (there - acknowledged - Counter(unknown[answer])).total()
        wrong += not unknown[answer] and current.get(answer) != said[answer][-1]
    return Kept(sum(map(len, journal.values())), lost, doubled, wrong)


def percentile(outcomes: Sequence[Outcome], percent: float) -> float:
    """Milliseconds, of what was taken: the smallest that so many percent of them took at most."""
    took = sorted(one.took for one in outcomes if one.taken)
    return 1000 * took[min(len(took) - 1, int(len(took) * percent / 100))] if took else float("inf")


def _cookies(app: Flask, number: int) -> dict[str, str]:
    """What this rater's browser would keep, had they asked in it."""
    with app.test_request_context():
        g.rater_to_remember = rater_id(number)
        made = raters.remember(Response()).headers["Set-Cookie"]
    name, _, value = made.partition(";")[0].partition("=")
    return {name: value}
