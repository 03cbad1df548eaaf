"""The gate: candidate against champion under a policy, to PASS, FAIL or INSUFFICIENT with a reason per check.

It judges stored reports, never models, and refuses reports that were not made under the same conditions.
"""

from dataclasses import dataclass
from enum import StrEnum

from services.domain.evaluation import METRICS, OVERALL, MetricValue, ReportSummary
from services.errors import InvalidPolicy, ReportsNotComparable


class Verdict(StrEnum):
    PASS = "PASS"  # noqa: S105  (a verdict, not a secret)
    FAIL = "FAIL"
    INSUFFICIENT = "INSUFFICIENT"


@dataclass(frozen=True, slots=True)
class Requirement:
    """What one metric must reach, in the metric's own unit.

    `limit` is a floor for metrics where higher is better and a ceiling for the others. `margin` is how much
    worse than the champion's the candidate's may be; a negative margin demands an improvement.
    """

    metric: str
    limit: float | None = None
    margin: float | None = None
    minimum_items: int = 1
    slice: str = OVERALL

    def __post_init__(self) -> None:
        if self.metric not in METRICS:
            raise InvalidPolicy(f"{self.metric!r} is not a metric; choose among {', '.join(METRICS)}.")
        if self.limit is None and self.margin is None:
            raise InvalidPolicy(f"{self.metric} needs a limit, a margin or both.")


@dataclass(frozen=True, slots=True)
class GatePolicy:
    requirements: tuple[Requirement, ...] = (
        Requirement("style_hit", limit=0.5, margin=0.05, minimum_items=100),
        Requirement("fact_hit", margin=0.05, minimum_items=100),
        Requirement("short_share", margin=0.05, minimum_items=100),
        Requirement("held_out_loss", margin=0.1, minimum_items=10),
    )

    def __post_init__(self) -> None:
        if not self.requirements:
            raise InvalidPolicy("a gate without requirements would let anything through.")


@dataclass(frozen=True, slots=True)
class Check:
    """One requirement as measured; `required` is the bound that counted, None when none could be."""

    metric: str
    slice: str
    measured: float | None
    champion: float | None
    required: float | None
    items: int
    verdict: Verdict
    reason: str


@dataclass(frozen=True, slots=True)
class Decision:
    verdict: Verdict
    checks: tuple[Check, ...]


def decide(candidate: ReportSummary, champion: ReportSummary, policy: GatePolicy) -> Decision:
    """FAIL when any check fails, else INSUFFICIENT when any cannot tell, else PASS.

    Raises ReportsNotComparable for reports of different suites, prompt versions or serving settings.
    """
    _refuse_other_conditions(candidate, champion)
    checks = tuple(_check(requirement, candidate, champion) for requirement in policy.requirements)
    verdicts = {check.verdict for check in checks}
    if Verdict.FAIL in verdicts:
        return Decision(Verdict.FAIL, checks)
    if Verdict.INSUFFICIENT in verdicts:
        return Decision(Verdict.INSUFFICIENT, checks)
    return Decision(Verdict.PASS, checks)


def _refuse_other_conditions(candidate: ReportSummary, champion: ReportSummary) -> None:
    if candidate.suite_digest != champion.suite_digest:
        raise ReportsNotComparable("their suites differ")
    if candidate.prompt_version != champion.prompt_version:
        raise ReportsNotComparable("their prompt versions differ")
    if candidate.settings_digest != champion.settings_digest:
        raise ReportsNotComparable("they were answered under different bases or generation settings")


def _check(requirement: Requirement, candidate: ReportSummary, champion: ReportSummary) -> Check:
    measured = candidate.find(requirement.metric, requirement.slice)
    reference = champion.find(requirement.metric, requirement.slice)
    items = measured.items if measured else 0
    if measured is None or reference is None or items < requirement.minimum_items:
        return Check(
            metric=requirement.metric,
            slice=requirement.slice,
            measured=measured.value if measured else None,
            champion=reference.value if reference else None,
            required=None,
            items=items,
            verdict=Verdict.INSUFFICIENT,
            reason=f"{items} items, and {requirement.minimum_items} are needed",
        )
    required = _bound(requirement, reference)
    higher = METRICS[requirement.metric].higher_is_better
    good = measured.value >= required if higher else measured.value <= required
    return Check(
        metric=requirement.metric,
        slice=requirement.slice,
        measured=measured.value,
        champion=reference.value,
        required=required,
        items=items,
        verdict=Verdict.PASS if good else Verdict.FAIL,
        reason=(
            f"{measured.value:.3f} is {'at least' if higher else 'at most'} {required:.3f}"
            if good
            else f"{measured.value:.3f} is {'below' if higher else 'above'} {required:.3f}"
        ),
    )


def _bound(requirement: Requirement, champion: MetricValue) -> float:
    """The stricter of the limit and the champion's value with its margin."""
    higher = METRICS[requirement.metric].higher_is_better
    bounds = [] if requirement.limit is None else [requirement.limit]
    if requirement.margin is not None:
        bounds.append(champion.value - requirement.margin if higher else champion.value + requirement.margin)
    return max(bounds) if higher else min(bounds)
