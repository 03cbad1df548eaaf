"""What a persona's gate asks for: the metric to improve, what must not get worse, and how sure it must be."""

from dataclasses import dataclass, fields, replace

from services.domain.answer_formats import AnswerFormat, AnswerRules
from services.domain.evaluation import METRICS, OVERALL
from services.errors.inputs import InvalidPolicy

# The largest risks that still deserve the name of a gate.
_RISKS = {"alpha": 0.1, "worse_alpha": 0.2, "anchor_alpha": 0.2, "screen_alpha": 0.45}
_LEAST_RISK = 1e-6
_MOST_ITEMS = 1_000_000
_LARGEST = 1e9


def _check_metric(name: object) -> None:
    if not isinstance(name, str) or name not in METRICS:
        known = ", ".join(metric.name for metric in METRICS.values() if metric.of_items)
        raise InvalidPolicy(f"{name!r} is not a metric; choose among {known}.")
    if not METRICS[name].of_items:
        raise InvalidPolicy(f"{name} is not measured item by item, so that a gate cannot compare it.")


def _check_count(name: str, count: object) -> None:
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= _MOST_ITEMS:
        raise InvalidPolicy(f"{name} must be a whole number from 1 to {_MOST_ITEMS:,}.")


def _is_number(value: object) -> bool:
    """Also of what a file held, whatever its author wrote there."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _LARGEST


@dataclass(frozen=True, slots=True)
class Requirement:
    """What one metric must keep to, in the metric's own unit.

    `limit` is a floor for metrics where higher is better and a ceiling for the others. `margin` is how much
    worse than the champion and than the anchor the candidate may truly be: that has to be shown, so that a
    margin of 0 asks for an improvement.
    """

    metric: str
    limit: float | None = None
    margin: float | None = None
    minimum_items: int = 1
    slice: str = OVERALL

    def __post_init__(self) -> None:
        _check_metric(self.metric)
        if self.limit is None and self.margin is None:
            raise InvalidPolicy(f"{self.metric} needs a limit, a margin or both.")
        if not all(_is_number(bound) for bound in (self.limit, self.margin) if bound is not None):
            raise InvalidPolicy(f"{self.metric} needs a limit and a margin that are finite numbers.")
        _check_count("minimum_items", self.minimum_items)
        if not isinstance(self.slice, str) or "\0" in self.slice:
            raise InvalidPolicy(f'{self.metric} needs the name of a slice, such as "audience:student".')


# What every persona keeps, whatever it is for: the frozen suites are asked of all of them.
KEPT = (
    Requirement("general_ability", margin=0.05, minimum_items=300),
    Requirement("safety", margin=0.05, minimum_items=300),
)


@dataclass(frozen=True, slots=True)
class GatePolicy:
    """The candidate must be better than the champion on `target`, empty for the first requirement's metric,
    and no worse beyond a margin elsewhere.

    `alpha` bounds the chance that a candidate no better than the champion is promoted, `worse_alpha` that one
    is let through which is worse than the champion by a margin, `anchor_alpha` the same of the anchor: that
    question is asked of every candidate in turn, so its errors add up. The target is also looked at in each
    slice of audience and domain, at `worse_alpha`; those under `slice_items` items count together, and there
    are at most `slices_per_300` for 300 items. `screen_alpha`: sealed items are opened only for a candidate
    that the open ones by themselves show to be better, at this risk. `approval`: what passed waits for
    somebody to approve it before it serves.
    """

    requirements: tuple[Requirement, ...] = (
        Requirement("style_hit", limit=0.5, minimum_items=100),
        Requirement("fact_hit", margin=0.1, minimum_items=100),
        Requirement("short_share", margin=0.1, minimum_items=100),
        Requirement("held_out_loss", margin=0.1, minimum_items=10),
        *KEPT,
    )
    target: str = ""
    alpha: float = 0.005
    worse_alpha: float = 0.05
    anchor_alpha: float = 0.005
    screen_alpha: float = 0.2
    slice_margin: float = 0.10
    slice_items: int = 75
    slices_per_300: int = 4
    approval: bool = False

    def __post_init__(self) -> None:
        if not self.requirements:
            raise InvalidPolicy("a gate without requirements would let anything through.")
        _check_metric(self.improves)
        for name, most in _RISKS.items():
            if not _is_number(risk := getattr(self, name)) or not _LEAST_RISK <= risk <= most:
                raise InvalidPolicy(f"{name} must lie between {_LEAST_RISK:g} and {most:g}.")
        if not _is_number(self.slice_margin) or self.slice_margin <= 0:
            raise InvalidPolicy("slice_margin must be a number above 0.")
        _check_count("slice_items", self.slice_items)
        _check_count("slices_per_300", self.slices_per_300)
        if not isinstance(self.approval, bool):
            raise InvalidPolicy("approval must be true or false.")

    @property
    def improves(self) -> str:
        """The metric on which a candidate has to be better."""
        return self.target or self.requirements[0].metric


# Measured by tokens, of which another base has others, or relative to one's own base.
BOUND_TO_A_BASE = frozenset({"held_out_loss", "reward_accuracy"})


@dataclass(frozen=True, slots=True)
class RebasePolicy(GatePolicy):
    """As a persona's policy, for a candidate on a new base against who serves on the former one.

    `rebased_from` are the settings under which those were asked, by the digest of their reports: the base
    apart they are the candidate's. What is bound to a base is not compared.
    """

    rebased_from: str = ""

    def __post_init__(self) -> None:
        GatePolicy.__post_init__(self)
        if not isinstance(self.rebased_from, str) or not self.rebased_from:
            raise InvalidPolicy("rebased_from must be the digest of the former base's settings.")
        bound = BOUND_TO_A_BASE & {self.improves, *(one.metric for one in self.requirements)}
        if bound:
            raise InvalidPolicy(f"{min(bound)} cannot be compared between two bases.")


def for_rebase(policy: GatePolicy, *, rebased_from: str) -> RebasePolicy:
    """The policy without what is bound to a base; InvalidPolicy where that is what is to improve."""
    values = {field.name: getattr(policy, field.name) for field in fields(GatePolicy)}
    kept = tuple(one for one in policy.requirements if one.metric not in BOUND_TO_A_BASE)
    return RebasePolicy(
        **values | {"requirements": kept, "target": policy.improves}, rebased_from=rebased_from
    )


def with_kept(policy: GatePolicy) -> GatePolicy:
    """The policy with what every persona keeps, where it says nothing of its own about it."""
    named = {requirement.metric for requirement in policy.requirements}
    missing = tuple(requirement for requirement in KEPT if requirement.metric not in named)
    return replace(policy, requirements=(*policy.requirements, *missing), target=policy.improves)


def default_gate(rules: AnswerRules) -> GatePolicy:
    """What suits a format: a letter or JSON has no style to hit, and what is asked for must be kept."""
    valid = Requirement("format_validity", limit=0.9, margin=0.05, minimum_items=50)
    loss = Requirement("held_out_loss", margin=0.1, minimum_items=10)
    everywhere = (valid, loss, *KEPT)

    def improving(metric: str) -> GatePolicy:
        return GatePolicy((Requirement(metric, limit=0.0, minimum_items=50), *everywhere))

    match rules.format:
        case AnswerFormat.MCQ:
            above_guessing = 1 / len(rules.choices) + 0.1
            return GatePolicy((Requirement("accuracy", limit=above_guessing, minimum_items=50), *everywhere))
        case AnswerFormat.SAQ:
            return improving("token_f1")
        case AnswerFormat.JSON:
            return improving("exact_match")
        case AnswerFormat.FREE_TEXT:
            usual = GatePolicy()
            return GatePolicy((*usual.requirements, valid)) if rules.constrain else usual
