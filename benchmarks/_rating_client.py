"""Raters who rate at moments fixed beforehand, whatever becomes of those before: a process of its own.

    python -m benchmarks._rating_client PLAN RESULT

Each looks at a page of theirs first, as the form's token and their visit come from there; then SEATED is
printed, and rating number n is sent at its moment. How long it took is counted from that moment on, so that a
server that stands still is charged with everybody who came meanwhile. With `patience` what failed is sent
once more, under the same submission, until it is taken. PLAN and RESULT are JSON: `Plan` and `Result`.
"""

import asyncio
import json
import random
import re
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import UUID

from benchmarks._keep_alive import KeepAlive, Reply

SEATED = "seated"
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
_TAKEN = 303
_AT_ONCE = 16  # raters who look at their first page
_FIRST_WAIT, _LONGEST_WAIT = 0.2, 3.0  # seconds before the next try, twice as long each time
_PATIENCE_OF_A_TRY = 30.0  # seconds
_BROKEN = (OSError, EOFError, TimeoutError)


@dataclass(frozen=True, slots=True)
class Plan:
    """`cookies` of each rater; `pages[r]` are the addresses of rater r's answers, rated in turn."""

    host: str
    port: int
    cookies: Sequence[Mapping[str, str]]
    pages: Sequence[Sequence[str]]
    rate: float  # a second
    seconds: float
    chance: int
    patience: float = 0.0  # seconds to go on trying; nought: not once more


@dataclass(frozen=True, slots=True)
class Outcome:
    """`took` counts from the moment that was planned. `refused` are the answers to tries that failed: a
    status, or 0 for a connection that broke."""

    number: int
    page: str
    stars: int
    planned: float  # seconds since the load began
    took: float
    taken: bool
    refused: Sequence[int]


@dataclass(frozen=True, slots=True)
class Result:
    outcomes: Sequence[Outcome]
    began: float  # of the clock on the wall
    cpu_seconds: float  # of this process, while the load went on
    latest: float  # seconds after its moment that a rating was sent at
    connections: int


@dataclass(frozen=True, slots=True)
class Sitting:
    """A rater's visit: what every form of theirs is sent with, kept up as a browser does."""

    cookies: dict[str, str]
    token: str


def moments(plan: Plan) -> list[float]:
    """Raters do not know of each other: gaps are drawn, the same ones from the same chance."""
    chance = random.Random(plan.chance)  # noqa: S311  (a schedule, no secret)
    found, at = [], chance.expovariate(plan.rate)
    while at < plan.seconds:
        found.append(at)
        at += chance.expovariate(plan.rate)
    return found


class Load:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._http = KeepAlive(plan.host, plan.port)
        self._chance = random.Random(plan.chance + 1)  # noqa: S311
        self._latest = 0.0

    async def run(self) -> Result:
        gate = asyncio.Semaphore(_AT_ONCE)
        sittings = await asyncio.gather(*(self._sit_down(n, gate) for n in range(len(self._plan.cookies))))
        print(SEATED, flush=True)
        planned = moments(self._plan)
        drawn = [(self._chance.randint(1, 5), UUID(int=self._chance.getrandbits(128))) for _ in planned]
        wall, cpu, begun = time.time(), time.process_time(), time.perf_counter()
        under_way = []
        for number, (at, (stars, submission)) in enumerate(zip(planned, drawn, strict=True)):
            await asyncio.sleep(max(0.0, begun + at - time.perf_counter()))
            self._latest = max(self._latest, time.perf_counter() - begun - at)
            form = {"stars": str(stars), "submission": str(submission)}
            sitting = sittings[number % len(sittings)]
            under_way.append(asyncio.create_task(self._rate(number, sitting, form, begun, at)))
        outcomes = await asyncio.gather(*under_way)
        return Result(outcomes, wall, time.process_time() - cpu, self._latest, self._http.opened)

    async def _sit_down(self, number: int, gate: asyncio.Semaphore) -> Sitting:
        async with gate:
            cookies = self._plan.cookies[number]
            page = await self._http.get(self._plan.pages[number][0], cookies=cookies)
            token = _TOKEN.search(page.body)
            if token is None:
                raise RuntimeError(f"rater {number} is shown no form: status {page.status}")
            return Sitting({**cookies, **page.cookies}, token[1])

    async def _rate(
        self, number: int, sitting: Sitting, form: Mapping[str, str], begun: float, at: float
    ) -> Outcome:
        pages = self._plan.pages[number % len(self._plan.pages)]
        page = pages[number // len(self._plan.pages) % len(pages)]
        refused: list[int] = []
        sent = {**form, "csrf_token": sitting.token}
        while (status := await self._try(f"{page}/rate", sitting, sent)) != _TAKEN:
            refused.append(status)
            if time.perf_counter() - begun - at > self._plan.patience:
                break
            await asyncio.sleep(min(_FIRST_WAIT * 2 ** (len(refused) - 1), _LONGEST_WAIT))
        took = time.perf_counter() - begun - at
        return Outcome(number, page, int(form["stars"]), at, took, status == _TAKEN, refused)

    async def _try(self, path: str, sitting: Sitting, form: Mapping[str, str]) -> int:
        try:
            async with asyncio.timeout(_PATIENCE_OF_A_TRY):
                reply: Reply = await self._http.post(path, cookies=sitting.cookies, form=form)
        except _BROKEN:
            return 0
        sitting.cookies.update(reply.cookies)
        return reply.status


def read_result(path: Path) -> Result:
    told = json.loads(path.read_text(encoding="utf-8"))
    return Result(**{**told, "outcomes": [Outcome(**one) for one in told["outcomes"]]})


def main() -> int:
    plan_file, result_file = map(Path, sys.argv[1:3])
    plan = Plan(**json.loads(plan_file.read_text(encoding="utf-8")))
    result = asyncio.run(Load(plan).run())
    result_file.write_text(json.dumps(asdict(result)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
