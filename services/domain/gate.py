"""The gate: candidate against champion and anchor under a policy, to PASS, FAIL or INSUFFICIENT with a reason
per check.

It judges stored reports, never models, and refuses reports that were not made under the same conditions. A
candidate passes only if every check does, so that no check needs to be stricter because there are several
(Berger 1982, "Multiparameter hypothesis testing and acceptance sampling", Technometrics 24(4), 295-300).
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

import numpy as np

from services.domain.checks import Asked, Check, Comparison, Verdict, compare, keep_to_limit
from services.domain.evaluation import OVERALL
from services.domain.evidence import Evidence, Mask, SuiteItems
from services.domain.gate_policy import GatePolicy, RebasePolicy, Requirement
from services.domain.slices import judged_slices
from services.errors.refusals import ReportsNotComparable

GATE_VERSION = 3  # one more with every change that could give another verdict on the same reports


@dataclass(frozen=True, slots=True)
class Decision:
    """`opened`: whether the sealed items were looked at. `used` are the keys of the items it rests on."""

    verdict: Verdict
    checks: tuple[Check, ...]
    opened: bool
    used: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Case:
    """What one decision looks at: `mask` (items,) are the items that it may see."""

    items: SuiteItems
    mask: Mask
    candidate: Evidence
    champion: Evidence
    anchor: Evidence
    policy: GatePolicy

    @property
    def has_own_anchor(self) -> bool:
        return self.anchor.version != self.champion.version

    def of_slice(self, name: str) -> Mask:
        if name == OVERALL:
            return self.mask
        return self.mask & self.items.slices.get(name, np.zeros_like(self.mask))

    def ask(self, comparison: Comparison, reference: Evidence, mask: Mask | None = None) -> Check:
        seen = self.of_slice(comparison.slice) if mask is None else mask
        return compare(comparison, self.items, seen, self.candidate, reference)


def decide(
    items: SuiteItems, candidate: Evidence, champion: Evidence, anchor: Evidence, policy: GatePolicy
) -> Decision:
    """FAIL when any check fails, else INSUFFICIENT when any cannot tell, else PASS.

    `anchor` is the persona's first approved version, the champion itself where there is none. Sealed items
    are left alone unless the open ones by themselves say that the candidate is better: with such a screen
    the error rates hold as they are, since it can only refuse.

    Raises ReportsNotComparable for reports of different suites, prompt versions or serving settings, and for
    a candidate's report given as the champion's or the anchor's. With a RebasePolicy champion and anchor may
    be under the settings that it names; an anchor on the new base, of an earlier stay, is under its own.
    """
    settings = {candidate.settings_digest}
    if isinstance(policy, RebasePolicy):
        settings.add(policy.rebased_from)
    for reference in (champion, anchor):
        _refuse_other_conditions(candidate, reference, settings=settings)
    opened = _screen(items, candidate, champion, policy)
    mask = np.ones_like(items.sealed) if opened else ~items.sealed
    case = _Case(items, mask, candidate, champion, anchor, policy)
    checks = tuple(_checks(case))
    used = tuple(key for key, seen in zip(items.keys, mask.tolist(), strict=True) if seen)
    return Decision(_worst(checks), checks, opened, used)


def _screen(items: SuiteItems, candidate: Evidence, champion: Evidence, policy: GatePolicy) -> bool:
    better = replace(_better(policy), alpha=policy.screen_alpha, minimum_items=1)
    return compare(better, items, ~items.sealed, candidate, champion).verdict is Verdict.PASS


def _better(policy: GatePolicy) -> Comparison:
    target = policy.improves
    least = max((one.minimum_items for one in policy.requirements if one.metric == target), default=1)
    return Comparison(Asked.BETTER, target, OVERALL, bound=0.0, alpha=policy.alpha, minimum_items=least)


def _checks(case: _Case) -> Iterator[Check]:
    policy = case.policy
    yield case.ask(_better(policy), case.champion)
    not_worse = Comparison(
        Asked.NOT_WORSE, policy.improves, OVERALL, -policy.slice_margin, policy.anchor_alpha, minimum_items=1
    )
    if case.has_own_anchor:
        yield case.ask(not_worse, case.anchor)
    for name, mask in _slices(case).items():
        # A rest too small to show that it is no worse must not stop everything.
        small = int(mask.sum()) < policy.slice_items
        asked = replace(
            not_worse,
            asked=Asked.NOT_SHOWN_WORSE if small else Asked.NOT_WORSE,
            slice=name,
            alpha=policy.worse_alpha,
        )
        yield case.ask(asked, case.champion, mask)
        if case.has_own_anchor:
            yield case.ask(asked, case.anchor, mask)
    for requirement in policy.requirements:
        yield from _requirement_checks(case, requirement)


def _slices(case: _Case) -> dict[str, Mask]:
    """Slices of audience and domain that the target measures; one alone is the whole, which is judged."""
    scores = case.champion.scores.get(case.policy.improves)
    if scores is None:
        return {}
    measured = case.mask & ~np.isnan(scores.values) & np.array([bool(name) for name in case.items.strata])
    slices = judged_slices(
        case.items.strata,
        measured,
        least_items=case.policy.slice_items,
        slices_per_300=case.policy.slices_per_300,
    )
    return slices if len(slices) > 1 else {}


def _requirement_checks(case: _Case, requirement: Requirement) -> Iterator[Check]:
    if requirement.limit is not None:
        yield keep_to_limit(requirement, case.of_slice(requirement.slice), case.candidate)
    if requirement.margin is None:
        return
    asked = Comparison(
        Asked.NOT_WORSE,
        requirement.metric,
        requirement.slice,
        -requirement.margin,
        case.policy.worse_alpha,
        requirement.minimum_items,
    )
    yield case.ask(asked, case.champion)
    if case.has_own_anchor:
        yield case.ask(replace(asked, alpha=case.policy.anchor_alpha), case.anchor)


def _worst(checks: tuple[Check, ...]) -> Verdict:
    verdicts = {check.verdict for check in checks}
    return next(one for one in (Verdict.FAIL, Verdict.INSUFFICIENT, Verdict.PASS) if one in verdicts)


def _refuse_other_conditions(candidate: Evidence, reference: Evidence, *, settings: Collection[str]) -> None:
    # A report is never worse than itself, so it would pass whatever allows a margin. A version has one
    # report under equal conditions: two reports of one version are refused by the checks below.
    if candidate.report_id == reference.report_id:
        raise ReportsNotComparable(f"both are report {candidate.report_id}")
    if candidate.suite_digest != reference.suite_digest:
        raise ReportsNotComparable("their suites differ")
    if candidate.prompt_version != reference.prompt_version:
        raise ReportsNotComparable("their prompt versions differ")
    if reference.settings_digest not in settings:
        raise ReportsNotComparable("they were answered under different bases or generation settings")
