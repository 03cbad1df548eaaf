"""The few rules of a persona's policies that people change, as fields of a form; JSON names the others.

Each has the bounds of its policy; what is wrong is said beside it, and above by the field's own words.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from babel.numbers import format_decimal
from flask_babel import LazyString

from feedback_app.forms import Fields, typed_text
from feedback_app.sentences import current_locale, gettext, lazy_gettext
from services.adapters.canaries import own_policy
from services.db.feedback_tables import PersonaRow
from services.domain.canaries import LEAST, MOST_COUNT, RANGES, CanaryPolicy
from services.domain.example_policy import LIMITS, ExamplePolicy
from services.domain.gate_policy import default_gate
from services.errors.tree import InvalidInput
from services.evaluation.decisions import parse_policy
from services.feedback.personas import PersonaPlan, Policies

# Each with the words before it.
COUNTS = {
    "minimum_rows": lazy_gettext("Fewest examples that a night needs to train"),
    "minimum_new": lazy_gettext("Fewest new pieces of feedback that a night needs to train"),
    "agreeing_raters": lazy_gettext("Raters who must call an answer good before it is learnt"),
}
_SHARE, _DAYS = "share", "most_days"
LABELS = {
    **COUNTS,
    _SHARE: lazy_gettext("Share of conversations that try a new version first"),
    _DAYS: lazy_gettext("Days after which such a trial ends if ratings have decided nothing"),
}
_BOUNDS: dict[str, tuple[float, float]] = {
    **{name: LIMITS[name] for name in COUNTS},
    _SHARE: RANGES[_SHARE],
    _DAYS: (LEAST[_DAYS], MOST_COUNT),
}


@dataclass(frozen=True, slots=True)
class PolicyFields:
    """As typed; an empty `share` means that what passed serves everybody at once."""

    minimum_rows: str = str(ExamplePolicy().minimum_rows)
    minimum_new: str = str(ExamplePolicy().minimum_new)
    agreeing_raters: str = str(ExamplePolicy().agreeing_raters)
    share: str = ""
    most_days: str = str(CanaryPolicy().most_days)
    approval: bool = False

    @property
    def labels(self) -> Mapping[str, LazyString]:
        """The words before each."""
        return LABELS

    @classmethod
    def read(cls, typed: Fields) -> "PolicyFields":
        """What a form does not have is as usual."""
        names = [field.name for field in fields(cls) if field.type is str]
        texts = {name: typed_text(typed, name).strip() for name in names if name in typed}
        return cls(**texts, approval="approval" in typed)

    @classmethod
    def of(cls, row: PersonaRow) -> "PolicyFields":
        examples, canary = ExamplePolicy(**row.example_policy), own_policy(row)
        return cls(
            **{name: str(getattr(examples, name)) for name in COUNTS},
            share=str(canary.share) if canary else "",
            most_days=str((canary or CanaryPolicy()).most_days),
            approval=parse_policy(row.gate_policy).approval,
        )

    def problems(self) -> dict[str, str]:
        """What is wrong, by the field."""
        found = {name: _wrong_count(name, getattr(self, name)) for name in COUNTS}
        found[_SHARE] = _wrong_share(self.share)
        found[_DAYS] = _wrong_count(_DAYS, self.most_days) if self.share else ""
        return {name: problem for name, problem in found.items() if problem}

    def check(self) -> None:
        """Raises InvalidInput for the first problem."""
        for name, problem in self.problems().items():
            raise InvalidInput(
                gettext("Nothing was saved. “%(field)s”: %(problem)s", field=LABELS[name], problem=problem)
            )

    def examples(self) -> dict[str, Any]:
        """Without problems only."""
        return {name: int(getattr(self, name)) for name in COUNTS}

    def canary(self) -> dict[str, Any]:
        """Empty for none; without problems only."""
        return {_SHARE: float(self.share), _DAYS: int(self.most_days)} if self.share else {}

    def sections(self, stored: Mapping[str, Any]) -> dict[str, Any]:
        """The sections of a plan with these rules; what `stored` names itself stays as it says."""
        canary = {**self.canary(), **stored.get("canary", {})}
        examples = {**self.examples(), **stored.get("examples", {})}
        return {**stored, "examples": examples} | ({"canary": canary} if canary else {})

    def in_plan(self, plan: PersonaPlan) -> PersonaPlan:
        """The plan with the gate's own rule among them."""
        if not self.approval:
            return plan
        gate = plan.gate_policy or default_gate(plan.persona.answers)
        return replace(plan, gate_policy=replace(gate, approval=True))

    def changed(self, row: PersonaRow) -> Policies:
        """What the persona's policies become; every other rule of theirs stays. Raises InvalidInput."""
        self.check()
        canary = replace(own_policy(row) or CanaryPolicy(), **self.canary()) if self.share else None
        return Policies(
            examples=replace(ExamplePolicy(**row.example_policy), **self.examples()),
            gate=replace(parse_policy(row.gate_policy), approval=self.approval),
            canary=canary or "none",
        )

    def told(self, before: "PolicyFields") -> dict[str, list[Any]]:
        """What is otherwise than before: each by its name, with both values."""
        pairs = {one.name: [getattr(before, one.name), getattr(self, one.name)] for one in fields(self)}
        return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _wrong_count(name: str, text: str) -> str:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        return gettext("Write a whole number.")
    least, most = _BOUNDS[name]
    if least <= int(text) <= most:
        return ""
    bounds = {"least": format_decimal(least, locale=current_locale())}
    bounds["most"] = format_decimal(most, locale=current_locale())
    return gettext("Write a whole number from %(least)s to %(most)s.", **bounds)


def _wrong_share(text: str) -> str:
    least, most = _BOUNDS[_SHARE]
    try:
        if not text or least <= float(text) <= most:
            return ""
    except ValueError:
        return gettext("Write a number such as 0.2, or nothing for no canary.")
    return gettext(
        "Write a number from %(least)s to %(most)s, or nothing for no canary.", least=least, most=most
    )
