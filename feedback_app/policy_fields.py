"""The few rules of a persona's policies that people change, as fields of a form; JSON names the others.

Each is judged by the policy that it belongs to, so that what is wrong is said beside it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from feedback_app.forms import Fields, typed_text
from feedback_app.sentences import gettext, lazy_gettext
from services.adapters.canaries import own_policy
from services.db.feedback_tables import PersonaRow
from services.domain.canaries import CanaryPolicy
from services.domain.example_policy import ExamplePolicy
from services.domain.gate_policy import default_gate
from services.errors.inputs import InvalidPolicy
from services.evaluation.decisions import parse_policy
from services.feedback.personas import PersonaPlan, Policies

# Each with the words before it.
COUNTS = {
    "minimum_rows": lazy_gettext("Fewest examples that a night needs to train"),
    "minimum_new": lazy_gettext("Fewest new pieces of feedback that a night needs to train"),
    "agreeing_raters": lazy_gettext("Raters who must call an answer good before it is learnt"),
}
_SHARE, _DAYS = "share", "most_days"


@dataclass(frozen=True, slots=True)
class PolicyFields:
    """As typed; an empty `share` means that what passed serves everybody at once."""

    minimum_rows: str = str(ExamplePolicy().minimum_rows)
    minimum_new: str = str(ExamplePolicy().minimum_new)
    agreeing_raters: str = str(ExamplePolicy().agreeing_raters)
    share: str = ""
    most_days: str = str(CanaryPolicy().most_days)
    approval: bool = False

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
        found = {name: _wrong_count(ExamplePolicy, name, getattr(self, name)) for name in COUNTS}
        found[_SHARE] = _wrong_share(self.share)
        found[_DAYS] = _wrong_count(CanaryPolicy, _DAYS, self.most_days) if self.share else ""
        return {name: problem for name, problem in found.items() if problem}

    def check(self) -> None:
        """Raises InvalidPolicy for the first problem."""
        for problem in self.problems().values():
            raise InvalidPolicy(problem)

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
        """What the persona's policies become; every other rule of theirs stays. Raises InvalidPolicy."""
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


def _wrong_count(policy: type[ExamplePolicy | CanaryPolicy], name: str, text: str) -> str:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        return gettext("Write a whole number.")
    return _refused(policy, **{name: int(text)})


def _wrong_share(text: str) -> str:
    try:
        return _refused(CanaryPolicy, share=float(text)) if text else ""
    except ValueError:
        return gettext("Write a number such as 0.2, or nothing for no canary.")


def _refused(policy: type[ExamplePolicy | CanaryPolicy], **rule: Any) -> str:  # noqa: ANN401  (whose types the policy checks)
    try:
        policy(**rule)
    except InvalidPolicy as problem:
        return str(problem)
    return ""
