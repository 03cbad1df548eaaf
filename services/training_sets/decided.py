"""What a night makes of its draft: the plan, the lines that it learns from, and what is replayed."""

from dataclasses import dataclass

from services.domain.night_plan import NightPlan
from services.training_sets.choosing import Chosen
from services.training_sets.taking_over import Replay


@dataclass(frozen=True, slots=True)
class Decided:
    """A plan with the chosen lines of the draft's rows.

    Of those rows the first `fresh` are tonight's, those up to `new` waited beside the champion's set, and
    the rest is the `replay`; of its references the first `new_references` are tonight's.
    """

    plan: NightPlan
    chosen: Chosen
    replay: Replay | None
    fresh: int
    new: int
    new_references: int
