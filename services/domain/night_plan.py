"""What a night trains: which stages, decided from the volume and kind of what people said, and why."""

from dataclasses import dataclass
from typing import Any

from services.domain.disagreement import Disagreement
from services.domain.example_policy import ExamplePolicy
from services.domain.examples import Kind
from services.domain.training import Objective

# KTO's authors weigh the classes so that their total influence lies between 1:1 and 4:3 (Ethayarajh et al.
# 2024, arXiv 2402.01306); with fewer than this share of one class a few rows would carry half of it.
LEAST_CLASS_SHARE = 0.05
_KINDS = {
    Objective.SFT: Kind.DEMONSTRATION,
    Objective.DPO: Kind.PAIR,
    Objective.KTO: Kind.UNPAIRED,
}


@dataclass(frozen=True, slots=True)
class Volume:
    """How many examples of each kind there are."""

    demonstrations: int
    pairs: int
    desirable: int
    undesirable: int


@dataclass(frozen=True, slots=True)
class NightPlan:
    """Stages in order, empty for a night without training; one sentence of reason for each decision."""

    stages: tuple[Objective, ...]
    reasons: tuple[str, ...]

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """What the stages learn from."""
        return tuple(_KINDS[stage] for stage in self.stages)

    def may_learn(self, policy: ExamplePolicy) -> tuple[Kind, ...]:
        """What the stages learn from, and what waits for one that had too little tonight."""
        instead = Objective.KTO if Objective.DPO in self.stages else None  # pairs say more
        return tuple(_KINDS[objective] for objective in policy.objectives if objective is not instead)

    def as_record(self) -> dict[str, Any]:
        return {"stages": [stage.value for stage in self.stages], "reasons": list(self.reasons)}


def plan_night(volume: Volume, policy: ExamplePolicy, disagreement: Disagreement | None = None) -> NightPlan:
    """SFT on enough demonstrations; then, on the same adapter, DPO on enough pairs or else KTO.

    Pairs are without those that were only compared where the `disagreement` of those who compared the same
    answers is that of coins; None where nobody compared.
    """
    stages, reasons = [], []
    for objective, wanted in ((Objective.SFT, _sft), (Objective.DPO, _dpo), (Objective.KTO, _kto)):
        if objective not in policy.objectives:
            reasons.append(f"{objective.upper()} is not among the persona's objectives")
            continue
        if objective is Objective.KTO and Objective.DPO in stages:
            reasons.append("no KTO: pairs say more than unpaired examples, and DPO learns from them")
            continue
        runs, reason = wanted(volume, policy)
        if objective is Objective.DPO and disagreement is not None and disagreement.is_chance:
            reason += (
                f"; comparisons are left out: on {disagreement.differing:.0%} of {disagreement.pairs} pairs "
                "compared by several people they differ, as coins would"
            )
        reasons.append(reason)
        if runs:
            stages.append(objective)
    return NightPlan(tuple(stages), tuple(reasons))


def _sft(volume: Volume, policy: ExamplePolicy) -> tuple[bool, str]:
    return _enough("SFT", volume.demonstrations, "demonstrations", policy.minimum_rows)


def _dpo(volume: Volume, policy: ExamplePolicy) -> tuple[bool, str]:
    return _enough("DPO", volume.pairs, "pairs", policy.minimum_pairs)


def _kto(volume: Volume, policy: ExamplePolicy) -> tuple[bool, str]:
    unpaired = volume.desirable + volume.undesirable
    enough, reason = _enough("KTO", unpaired, "unpaired examples", policy.minimum_unpaired)
    fewer = min(volume.desirable, volume.undesirable)
    if enough and fewer < LEAST_CLASS_SHARE * unpaired:
        return False, (
            f"no KTO: {volume.desirable} answers are good and {volume.undesirable} poor, "
            f"and it needs at least {LEAST_CLASS_SHARE:.0%} of each"
        )
    return enough, reason


def _enough(name: str, there: int, what: str, needed: int) -> tuple[bool, str]:
    if there >= needed:
        return True, f"{name}: {there} {what}"
    return False, f"no {name}: {there} {what}, and {needed} are needed"
