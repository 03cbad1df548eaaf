"""The gate: candidate against champion under a policy, to PASS, FAIL or INSUFFICIENT with a reason per check.

It judges stored reports, never models, and refuses reports that were not made under the same conditions.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

from services.domain.answer_formats import AnswerFormat, AnswerRules
from services.domain.evaluation import METRICS, OVERALL, MetricValue, ReportSummary
from services.errors.inputs import InvalidPolicy
from services.errors.refusals import ReportsNotComparable


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
        if not all(math.isfinite(bound) for bound in (self.limit, self.margin) if bound is not None):
            raise InvalidPolicy(f"{self.metric} needs a limit and a margin that are finite numbers.")


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


def default_gate(rules: AnswerRules) -> GatePolicy:
    """What suits a format: a letter or JSON has no style to hit, and what is asked for must be kept."""
    valid = Requirement("format_validity", limit=0.9, margin=0.02, minimum_items=50)
    loss = Requirement("held_out_loss", margin=0.1, minimum_items=10)
    match rules.format:
        case AnswerFormat.MCQ:
            above_guessing = 1 / len(rules.choices) + 0.1
            accuracy = Requirement("accuracy", limit=above_guessing, margin=0.0, minimum_items=50)
            return GatePolicy((accuracy, valid, loss))
        case AnswerFormat.SAQ:
            return GatePolicy((Requirement("token_f1", margin=0.0, minimum_items=50), valid, loss))
        case AnswerFormat.JSON:
            return GatePolicy((Requirement("exact_match", margin=0.05, minimum_items=50), valid, loss))
        case AnswerFormat.FREE_TEXT:
            usual = GatePolicy()
            return GatePolicy((*usual.requirements, valid)) if rules.constrain else usual


@dataclass(frozen=True, slots=True)
class Check:
    """One requirement as measured; `required` is the bound that counted, None when none could be.

    Every number here is finite: what was measured as infinite or as no number at all is None.
    """

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

    Raises ReportsNotComparable for reports of different suites, prompt versions or serving settings, and
    for one report given twice.
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
    # A report is never worse than itself, so it would pass whatever allows a margin. A version has one
    # report under equal conditions: two reports of one version are refused by the checks below.
    if candidate.report_id == champion.report_id:
        raise ReportsNotComparable(f"both are report {candidate.report_id}")
    if candidate.suite_digest != champion.suite_digest:
        raise ReportsNotComparable("their suites differ")
    if candidate.prompt_version != champion.prompt_version:
        raise ReportsNotComparable("their prompt versions differ")
    if candidate.settings_digest != champion.settings_digest:
        raise ReportsNotComparable("they were answered under different bases or generation settings")


def _check(requirement: Requirement, candidate: ReportSummary, champion: ReportSummary) -> Check:
    measured = candidate.find(requirement.metric, requirement.slice)
    reference = champion.find(requirement.metric, requirement.slice)
    value, reference_value = _finite(measured), _finite(reference)
    required = _bound(requirement, reference_value)
    items = measured.items if measured else 0
    if measured is None or reference is None or items < requirement.minimum_items:
        required = None
        seen = "" if value is None else f"; {value:.3f} was measured"
        verdict = Verdict.INSUFFICIENT
        reason = f"{items} items, and {requirement.minimum_items} are needed{seen}"
    elif value is None:
        # Enough was asked, and the model gave no usable number: a diverged training, not a lack of evidence.
        verdict, reason = Verdict.FAIL, "it is infinite or not a number"
    elif required is None:
        verdict, reason = Verdict.INSUFFICIENT, "the champion's is infinite or not a number"
    else:
        verdict, reason = _compare(requirement, value, required)
    return Check(
        metric=requirement.metric,
        slice=requirement.slice,
        measured=value,
        champion=reference_value,
        required=required,
        items=items,
        verdict=verdict,
        reason=reason,
    )


def _finite(metric: MetricValue | None) -> float | None:
    return metric.value if metric and metric.value is not None and math.isfinite(metric.value) else None


def _compare(requirement: Requirement, value: float, required: float) -> tuple[Verdict, str]:
    if METRICS[requirement.metric].higher_is_better:
        good, words = value >= required, ("at least", "below")
    else:
        good, words = value <= required, ("at most", "above")
    return (
        Verdict.PASS if good else Verdict.FAIL,
        f"{value:.3f} is {words[0] if good else words[1]} {required:.3f}",
    )


def _bound(requirement: Requirement, champion: float | None) -> float | None:
    """The stricter of the limit and the champion's value with its margin; None where that value is needed
    and missing.
    """
    higher = METRICS[requirement.metric].higher_is_better
    bounds = [] if requirement.limit is None else [requirement.limit]
    if requirement.margin is not None:
        if champion is None:
            return None
        bounds.append(champion - requirement.margin if higher else champion + requirement.margin)
    return max(bounds) if higher else min(bounds)
