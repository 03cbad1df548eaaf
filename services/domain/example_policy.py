"""How a persona's feedback becomes a training set: what counts, how much is enough, where learning starts."""

from dataclasses import dataclass
from enum import StrEnum

from services.domain.training import Objective
from services.errors.inputs import InvalidPolicy


class Balance(StrEnum):
    DOMAIN = "domain"
    AUDIENCE = "audience"


class Start(StrEnum):
    """BASE: a fresh adapter learns everything said so far. CHAMPION: who serves learns what is new."""

    BASE = "base"
    CHAMPION = "champion"


# Each policy field with the smallest and largest value it takes.
LIMITS = {
    "holdout_percent": (1, 50),
    "minimum_rows": (1, 1_000_000),
    "minimum_new": (0, 1_000_000),
    "minimum_pairs": (1, 1_000_000),
    "minimum_unpaired": (2, 1_000_000),
    "agreeing_raters": (1, 100),
    "certainty": (0.5, 0.999),
    "pairs_per_prompt": (1, 100),
    "answers_per_prompt": (1, 100),
    "daily_limit": (1, 1_000_000),
    "peer_percent": (0, 100),
    "comparisons_asked": (0, 10_000),
    "repeat_percent": (0, 50),
    "repeat_after": (1, 1_000),
    "known_percent": (0, 50),
    "replay_percent": (0, 90),
}


@dataclass(frozen=True, slots=True)
class ExamplePolicy:
    """Raises InvalidPolicy for a value out of range.

    `minimum_rows`, `minimum_pairs` and `minimum_unpaired` are what SFT, DPO and KTO need to run at all;
    `minimum_new` counts feedback since the newest set that was learnt. An answer becomes a demonstration
    when `agreeing_raters` call it good and the consensus is that sure (`certainty`). A prompt gives at
    most `pairs_per_prompt` pairs and `answers_per_prompt` unpaired examples, however often it was asked.
    `daily_limit` ratings of one rater count a day, as many corrections and as many comparisons. After
    `peer_percent` of ratings a rater is offered somebody else's answer to rate, and at most
    `comparisons_asked` times a day two answers to compare: in `repeat_percent` of them a pair that they
    judged at least `repeat_after` judgements ago, in `known_percent` one of which the better is known. With
    `start` at the champion `replay_percent` of the set are rows of earlier sets, so that what was learnt
    stays learnt.
    """

    holdout_percent: int = 15
    minimum_rows: int = 50
    minimum_new: int = 10
    minimum_pairs: int = 50
    minimum_unpaired: int = 100
    agreeing_raters: int = 2
    certainty: float = 0.75
    pairs_per_prompt: int = 4
    answers_per_prompt: int = 8
    daily_limit: int = 200
    objectives: tuple[Objective, ...] = tuple(Objective)
    balance: tuple[Balance, ...] = ()
    peer_percent: int = 20
    comparisons_asked: int = 30
    repeat_percent: int = 5
    repeat_after: int = 20
    known_percent: int = 3
    start: Start = Start.BASE
    replay_percent: int = 10

    def __post_init__(self) -> None:
        for name, (least, most) in LIMITS.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | type(least)):
                kind = "whole number" if isinstance(least, int) else "number"
                raise InvalidPolicy(f"{name} is {value!r} and must be a {kind}.")
            if not least <= value <= most:
                raise InvalidPolicy(f"{name} is {value} and must lie between {least:,} and {most:,}.")
        if not self.objectives:
            raise InvalidPolicy("objectives is empty: name at least one of sft, dpo and kto.")
        # Policies are stored as JSON: their words become values again here.
        object.__setattr__(self, "objectives", tuple(_each(Objective, "objectives", self.objectives)))
        object.__setattr__(self, "balance", tuple(_each(Balance, "balance", self.balance)))
        if self.start not in tuple(Start):
            raise InvalidPolicy(f"start is {self.start!r} and must be one of {', '.join(Start)}.")
        object.__setattr__(self, "start", Start(self.start))


def _each(kind: type[Objective] | type[Balance], name: str, values: object) -> list[StrEnum]:
    known = [member.value for member in kind]
    if not isinstance(values, list | tuple) or any(value not in known for value in values):
        raise InvalidPolicy(f"{name} must be among {', '.join(known)}.")
    return [kind(value) for value in values]
