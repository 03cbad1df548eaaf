"""How often the watcher of a canary is wrong, and how soon it is right, on invented and on real raters.

    python -m benchmarks.canary [FOLDER]

Bounds and verdicts are the shipped ones under the shipped default policy, looked at after every rating.
`theirs` is a watcher who looks as often at an ordinary 95 % interval, or a test of a size fixed beforehand.
FOLDER holds pandalm_human_test; without it real raters are left out.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks._canary_streams import QUALITY, Scene, Stream, growing, read_judged, resampled, simulated
from benchmarks._shares import upper_bound
from benchmarks._table import Bar, Relation, Row, report
from benchmarks._watching import End, ever_below, watched, watched_naively
from services.domain.canaries import CanaryPolicy, CanaryVerdict

NAME = "canary"
DATA = "pandalm_human_test"
SEED = 20_260_201
RUNS, FEWER_RUNS, RATINGS, EVERY = 1_000, 500, 5_000, 10
POLICY = CanaryPolicy()
# Whoever rated the real pairs, they were three.
REAL_POLICY = replace(POLICY, least_raters=3)
_FEW, _MOST = Bar(Relation.AT_MOST, 0.05), Bar(Relation.AT_LEAST, 0.95)
_FULL, _ROLLBACK = CanaryVerdict.FULL, CanaryVerdict.ROLLBACK
# Two-sided risk of 5 %, power of 80 %.
_QUANTILES = 1.96 + 0.8416

Draw = Callable[[np.random.Generator], Stream]


@dataclass(frozen=True, slots=True)
class Case:
    """Canaries of one kind, so many runs of them, and the verdict that is asked about.

    In one test of `fixed_size` ratings the harm would be shown four times in five.
    """

    name: str
    draw: Draw
    asked: CanaryVerdict
    bar: Bar | None = None
    runs: int = RUNS
    policy: CanaryPolicy = POLICY
    fixed_size: int | None = None


def main(arguments: Sequence[str]) -> int:
    folder = Path(arguments[0]) / DATA if arguments else None
    if folder is None:
        print(f"Real raters are left out: they need a folder that holds {DATA} as the argument.")
    elif not folder.is_dir():
        print(f"{arguments[0]} holds no {DATA}: name a folder that does.", file=sys.stderr)
        return 2
    cases = [*errors(), *harm(), *hostility(), *(real(folder) if folder else ())]
    report(
        NAME, [*(row for number, case in enumerate(cases) for row in _measured(number, case)), *going_on()]
    )
    return 0


def errors() -> list[Case]:
    cases = []
    for name, effect, wrong in (("equal", 0.0, _ROLLBACK), ("worse by the margin", -POLICY.margin, _FULL)):
        for raters in (50, 1_000):
            scene = Scene(raters=raters, effect=effect)
            cases.append(Case(f"{name}, {raters} raters", partial(simulated, scene), wrong, _FEW))
        small = Scene(raters=1_000, effect=effect, share=0.1)
        cases.append(Case(f"{name}, 1000 raters, a share of 0.1", partial(simulated, small), wrong, _FEW))
        several = partial(growing, Scene(effect=effect), every=EVERY)
        what = f"{name}, 50 raters, 1 to 4 ratings a conversation"
        cases.append(Case(what, several, wrong, _FEW, FEWER_RUNS))
    for name, quality, effect, wrong in (
        ("equal, 10 % of the thumbs up", 0.1, 0.0, _ROLLBACK),
        ("worse by the margin, 95 % of the thumbs up", 0.95, -POLICY.margin, _FULL),
    ):
        for share in (0.5, 0.1):
            scene = Scene(raters=1_000, quality=quality, effect=effect, share=share)
            what = f"{name}, 1000 raters, a share of {share}"
            cases.append(Case(what, partial(simulated, scene), wrong, _FEW))
    return cases


def harm() -> list[Case]:
    return [
        Case(
            f"10 points worse, {raters} raters, a share of {share}",
            partial(simulated, Scene(raters=raters, effect=-0.1, share=share)),
            _ROLLBACK,
            _MOST if share == 0.5 else None,
            fixed_size=_fixed_size(share),
        )
        for share in (0.5, 0.2, 0.1)
        for raters in (50, 1_000)
    ]


def hostility() -> list[Case]:
    """What is asked is whether a canary that honest raters find 10 points worse is promoted."""
    scene = Scene(effect=-0.1)
    cases = (
        ("of 50 raters 30 % rate all up", replace(scene, hostile=0.3), _FEW),
        ("one of them sees the arms, with 10 000 votes", replace(scene, loud=10_000), _FEW),
        ("30 % see the arms", replace(scene, hostile=0.3, seeing=True), None),
        ("5 % of 1000 see the arms", replace(scene, raters=1_000, hostile=0.05, seeing=True), None),
    )
    return [
        Case(f"10 points worse, {name}", partial(simulated, one), _FULL, bar, FEWER_RUNS)
        for name, one, bar in cases
    ]


def real(folder: Path) -> list[Case]:
    judged = read_judged(folder)
    return [
        Case(
            f"real raters, {name}",
            partial(resampled, judged, effect, ratings=RATINGS),
            asked,
            bar,
            policy=REAL_POLICY,
        )
        for name, effect, asked, bar in (
            ("equal", 0.0, _ROLLBACK, _FEW),
            ("worse by the margin", -POLICY.margin, _FULL, _FEW),
            ("10 points worse", -0.1, _ROLLBACK, _MOST),
            ("the weaker models throughout", judged.difference, _ROLLBACK, _MOST),
        )
    ]


def going_on() -> list[Row]:
    """Equal arms that no promotion ends: watched for all of the ratings."""
    rows = []
    for raters in (50, 1_000):
        scene = Scene(raters=raters)
        streams = (simulated(scene, np.random.default_rng([SEED, 100, raters, run])) for run in range(RUNS))
        hits = sum(ever_below(stream, POLICY) for stream in streams)
        what = f"equal, {raters} raters, and nothing ends it: below nought at any of {RATINGS} looks"
        rows.append(Row(f"{what} (95 % upper bound {upper_bound(hits, RUNS):.4f})", hits / RUNS, bar=_FEW))
    return rows


def _measured(number: int, case: Case) -> list[Row]:
    ends = []
    for run in range(case.runs):
        stream = case.draw(np.random.default_rng([SEED, number, run]))
        ends.append((watched(stream, case.policy), watched_naively(stream, case.policy)))
    ours, theirs = zip(*ends, strict=True)
    hits = _count(ours, case.asked)
    rate, naive = (_count(watcher, case.asked) / case.runs for watcher in (ours, theirs))
    until = float(np.median([end.ratings for end in ours]))
    return [
        Row(f"{case.name}: {case.asked} ({_bound(hits, case)})", rate, naive, case.bar),
        Row(f"{case.name}: no verdict", _count(ours, CanaryVerdict.KEEP) / case.runs),
        Row(f"{case.name}: ratings until a verdict, median", until, case.fixed_size),
    ]


def _bound(hits: int, case: Case) -> str:
    """Of the rate's exact 95 % interval, the end that lies towards the bar."""
    if case.asked is _ROLLBACK and case.bar is not _FEW:
        return f"95 % lower bound {1 - upper_bound(case.runs - hits, case.runs):.4f}"
    return f"95 % upper bound {upper_bound(hits, case.runs):.4f}"


def _count(ends: Sequence[End], verdict: CanaryVerdict) -> int:
    return sum(end.verdict is verdict for end in ends)


def _fixed_size(share: float, *, effect: float = 0.1) -> int:
    """Thumbs, QUALITY of them up, that show the effect four times in five, in one look."""
    variance = QUALITY * (1 - QUALITY) / (share * (1 - share))
    return round(variance * (_QUANTILES / effect) ** 2)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
