"""How often the gate is wrong, by simulation: single nights, a year on one holdout, many small losses. And
whether stored decisions, replayed, are the same.

    python -m benchmarks.gate

Every decision is made by the shipped code under the shipped default policy. Beside each share stands the
upper end of its exact 95 % interval.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from benchmarks._replayed import replays
from benchmarks._shares import upper_bound
from benchmarks._simulated_items import Holdout, Part
from benchmarks._table import Bar, Relation, Row, report
from services.domain.checks import Verdict
from services.domain.evidence import Evidence, Scores
from services.domain.gate import decide
from services.domain.gate_policy import GatePolicy
from services.domain.statistics import Floats

NAME = "gate"
SEED = 20_260_101
NIGHTS, YEARS, DAYS, ROWS_OF_CANDIDATES, CANDIDATES = 1_000, 200, 365, 200, 60
SEALED = 0.25
PARTS = (
    Part("style_hit", items=300, discordance=0.2, slices=4, rated=True),
    # On what a night does not train, two adapters differ less.
    Part("fact_hit", items=300, discordance=0.1),
    Part("short_share", items=300, discordance=0.1),
    Part("held_out_loss", items=300, discordance=0.1, is_loss=True),
    # As many as the frozen suites have; 7 % is what the demo's adapter and its base differ on.
    Part("general_ability", items=640, discordance=0.07, frozen=True),
    Part("safety", items=640, discordance=0.07, frozen=True),
)
QUALITIES = {
    "style_hit": 0.6,
    "fact_hit": 0.8,
    "short_share": 0.1,
    "held_out_loss": 2.0,
    "general_ability": 0.7,
    "safety": 0.8,
}
POLICY = GatePolicy()


def main() -> int:
    report(NAME, [*single_nights(), *year(), *small_losses(), *replays(SEED)])
    return 0


@dataclass(frozen=True, slots=True)
class _Case:
    """A night's candidate by how much better it truly is on the target, as a whole or by slice.

    `anchor` is how much better than the champion the anchor is, None where it is the champion itself; of each
    metric but the frozen ones there are so many `items`. See `Holdout` for `noise` and `tastes`.
    """

    name: str
    better: float | tuple[float, ...]
    bar: Bar | None
    anchor: float | None = None
    items: int = 300
    noise: float = 0.0
    tastes: bool = False


_SELDOM, _HARDLY, _MOSTLY = (
    Bar(Relation.AT_MOST, 0.05),
    Bar(Relation.AT_MOST, 0.01),
    Bar(Relation.AT_LEAST, 0.8),
)
CASES = (
    _Case("equal to the champion", 0.0, _HARDLY),
    _Case("10 points better", 0.1, _MOSTLY),
    _Case("10 worse on one slice, 10 better elsewhere", (-0.1, 0.1, 0.1, 0.1), _SELDOM),
    _Case("10 worse on one slice, equal elsewhere", (-0.1, 0.0, 0.0, 0.0), _HARDLY),
    _Case("10 points better, the anchor another version, as good as the champion", 0.1, _MOSTLY, anchor=0.0),
    _Case("10 points better, the anchor another version, 10 points worse", 0.1, _MOSTLY, anchor=-0.1),
    _Case("10 points better, the anchor another, as good; 400 items each", 0.1, _MOSTLY, 0.0, items=400),
    _Case("equal, raters with tastes", 0.0, _HARDLY, tastes=True),
    _Case("10 points better, raters with tastes", 0.1, None, tastes=True),
    _Case("equal, a decoder that answers 2 % otherwise", 0.0, _HARDLY, noise=0.02),
    _Case("10 points better, a decoder that answers 2 % otherwise", 0.1, None, noise=0.02),
)


def single_nights() -> list[Row]:
    return [row for number, case in enumerate(CASES) for row in _verdicts(number, case)]


def _verdicts(number: int, case: _Case) -> list[Row]:
    chance = np.random.default_rng([SEED, number])
    verdicts = [_night(chance, case) for _ in range(NIGHTS)]
    return [
        _share(f"{case.name}: promoted", verdicts.count(Verdict.PASS), NIGHTS, case.bar),
        _share(f"{case.name}: cannot tell", verdicts.count(Verdict.INSUFFICIENT), NIGHTS),
    ]


def _night(chance: np.random.Generator, case: _Case) -> Verdict:
    parts = tuple(part if part.frozen else replace(part, items=case.items) for part in PARTS)
    holdout = Holdout(parts, sealed=SEALED, chance=chance, noise=case.noise, tastes=case.tastes)

    def truly(better: float | tuple[float, ...]) -> Mapping[str, float | Floats]:
        return {**QUALITIES, "style_hit": QUALITIES["style_hit"] + np.array(better)}

    champion = holdout.ask(truly(0.0))
    anchor = champion if case.anchor is None else holdout.ask(truly(case.anchor))
    candidate = holdout.ask_twice(truly(case.better))
    return decide(holdout.items, candidate, champion, anchor, POLICY).verdict


Rule = Callable[[Holdout, Evidence, Evidence, Evidence], bool]


def _gate(holdout: Holdout, candidate: Evidence, champion: Evidence, anchor: Evidence) -> bool:
    return decide(holdout.items, candidate, champion, anchor, POLICY).verdict is Verdict.PASS


def _measured_better(by: float) -> Rule:
    """What a threshold on the measured difference would do."""

    def promotes(_: Holdout, candidate: Evidence, champion: Evidence, __: Evidence) -> bool:
        ours, theirs = (one.scores["style_hit"].values for one in (candidate, champion))
        return bool(np.nanmean(ours - theirs) > by)

    return promotes


def year() -> list[Row]:
    """Every candidate is truly worse on the target, by the size of a normal number of two points."""
    rules: Mapping[str, Rule] = {
        "the gate": _gate,
        "measured better at all": _measured_better(0.0),
        "measured 2 points better": _measured_better(0.02),
        "measured 5 points better": _measured_better(0.05),
    }
    rows = []
    for name, rule in rules.items():
        lost = np.array([_lost_in_a_year(rule, number) for number in range(YEARS)])
        bar = Bar(Relation.AT_MOST, 1.0) if rule is _gate else None
        rows += [
            Row(f"a year, {name}: points lost, median of {YEARS}", round(float(np.median(lost)), 2), bar=bar),
            Row(f"a year, {name}: points lost, worst of twenty", round(float(np.quantile(lost, 0.95)), 2)),
        ]
    return rows


def _lost_in_a_year(rule: Rule, number: int) -> float:
    chance = np.random.default_rng([SEED, 100, number])
    asked = PARTS if rule is _gate else PARTS[:1]  # thresholds look at the target alone
    holdout = Holdout(asked, sealed=SEALED, chance=chance)
    quality = QUALITIES["style_hit"]
    champion = anchor = holdout.ask({**QUALITIES})
    for _ in range(DAYS):
        worse = quality - abs(float(chance.normal(0, 0.02)))
        candidate = holdout.ask({**QUALITIES, "style_hit": worse})
        if rule(holdout, candidate, champion, anchor):
            quality, champion = worse, candidate
    return 100 * (QUALITIES["style_hit"] - quality)


@dataclass(frozen=True, slots=True)
class _Slide:
    lost: float
    promoted: int


def small_losses() -> list[Row]:
    """Candidates that are better on the target and a point worse on general ability than the champion."""
    slides = [_slide(number) for number in range(ROWS_OF_CANDIDATES)]
    lost = np.array([one.lost for one in slides])
    margin = next(one.margin for one in POLICY.requirements if one.metric == "general_ability")
    beyond = int((lost > 100 * (margin or 0) + 1e-9).sum())
    return [
        Row(f"{CANDIDATES} in a row: promoted, mean", float(np.mean([one.promoted for one in slides]))),
        Row("points lost on general ability, median", round(float(np.median(lost)), 2)),
        Row("points lost on general ability, worst of twenty", round(float(np.quantile(lost, 0.95)), 2)),
        _share("lost more than the margin", beyond, ROWS_OF_CANDIDATES, Bar(Relation.AT_MOST, 0.05)),
    ]


def _slide(number: int) -> _Slide:
    """The target is shown better each time, as if people had asked for something new: it hides nothing."""
    chance = np.random.default_rng([SEED, 200, number])
    holdout = Holdout(PARTS, sealed=SEALED, chance=chance)
    begin = general = QUALITIES["general_ability"]
    weak = holdout.ask({**QUALITIES, "style_hit": 0.2}).scores["style_hit"]
    champion = anchor = _with_target(holdout.ask({**QUALITIES}), weak)
    promoted = 0
    for _ in range(CANDIDATES):
        candidate = holdout.ask({**QUALITIES, "general_ability": general - 0.01})
        if _gate(holdout, candidate, champion, anchor):
            general, champion, promoted = general - 0.01, _with_target(candidate, weak), promoted + 1
    return _Slide(100 * (begin - general), promoted)


def _with_target(evidence: Evidence, scores: Scores) -> Evidence:
    return replace(evidence, scores={**evidence.scores, "style_hit": scores})


def _share(what: str, hits: int, trials: int, bar: Bar | None = None) -> Row:
    return Row(f"{what} (95 % upper bound {upper_bound(hits, trials):.4f})", hits / trials, bar=bar)


if __name__ == "__main__":
    sys.exit(main())
