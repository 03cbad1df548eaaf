"""Creating personas: what a persona owns is stored with it, and version 0 serves from the first moment."""

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal, cast

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.adapters.versions import register_base
from services.db.feedback_tables import PersonaRow
from services.domain.canaries import CanaryPolicy
from services.domain.conversation import check_text
from services.domain.example_policy import ExamplePolicy
from services.domain.gate_policy import GatePolicy, default_gate
from services.domain.personas import Persona, PersonaState, check_template, parse_slug
from services.domain.single_line import check_line
from services.errors.refusals import PersonaExists
from services.errors.standing import PersonaArchived, PersonaPaused

NAME_LIMIT = 80
TEMPLATE_LIMIT = 4_000
REASON_LIMIT = 500


@dataclass(frozen=True, slots=True)
class PersonaPlan:
    """A persona to create, with its policies.

    `gate_policy` None means the one that suits its answers, `canary_policy` None that what passed serves at
    once, `recipe` empty the one that suits the base, `begins_with` the serving name of another persona's
    version, whose weights its first training begins with.
    """

    persona: Persona
    example_policy: ExamplePolicy = field(default_factory=ExamplePolicy)
    gate_policy: GatePolicy | None = None
    canary_policy: CanaryPolicy | None = None
    recipe: str = ""
    recipe_overrides: tuple[str, ...] = ()
    begins_with: str = ""


def create_persona(session: Session, plan: PersonaPlan, *, at: datetime) -> PersonaRow:
    """Raises InvalidSlug, InvalidTemplate, EmptyText, TextTooLong, ForbiddenCharacter, PersonaExists.

    Waits for another transaction that is just creating the same slug, since only one of them can.
    """
    slug = parse_slug(plan.persona.slug)
    row: PersonaRow | None = session.scalar(
        insert(PersonaRow)
        .values(**_columns(plan), created_at=at)
        .on_conflict_do_nothing(index_elements=["slug"])
        .returning(PersonaRow)
    )
    if row is None:
        raise PersonaExists(slug)
    register_base(session, row, at=at)
    return row


@dataclass(frozen=True, slots=True)
class Policies:
    """Those of a persona that can be changed; None leaves one as it is, "none" takes canaries away."""

    examples: ExamplePolicy | None = None
    gate: GatePolicy | None = None
    canary: CanaryPolicy | Literal["none"] | None = None


def change_policies(row: PersonaRow, policies: Policies) -> None:
    """From the next night on; what was decided keeps the policy it was decided under."""
    if policies.examples:
        row.example_policy = _plain(asdict(policies.examples))
    if policies.gate:
        row.gate_policy = _plain(asdict(policies.gate))
    if policies.canary:
        row.canary_policy = {} if policies.canary == "none" else asdict(policies.canary)


def change_state(row: PersonaRow, state: PersonaState, *, reason: str, at: datetime) -> None:
    """From now on; the caller holds the persona's lock. Raises what `check_line` raises for the reason."""
    row.state, row.state_reason = state, check_line("reason", reason, limit=REASON_LIMIT)
    row.state_since = at


def check_asked(row: PersonaRow) -> PersonaRow:
    """The persona, or PersonaArchived."""
    if row.state == PersonaState.ARCHIVED:
        raise PersonaArchived(row.slug, row.state_reason)
    return row


def check_trained(row: PersonaRow) -> PersonaRow:
    """The persona, or PersonaPaused, PersonaArchived."""
    if row.state == PersonaState.PAUSED:
        raise PersonaPaused(row.slug, row.state_reason)
    return check_asked(row)


def differences(row: PersonaRow, plan: PersonaPlan) -> tuple[str, ...]:
    """In what this row is not what creating the plan gave, or would have given, in words for people."""
    return tuple(
        name.replace("_", " ") for name, value in _columns(plan).items() if getattr(row, name) != value
    )


def _columns(plan: PersonaPlan) -> dict[str, Any]:
    persona, rules = plan.persona, plan.persona.answers.as_record()
    return {
        "slug": persona.slug,
        "display_name": check_line("display name", persona.display_name, limit=NAME_LIMIT),
        "system_template": check_template(
            check_text("prompt template", persona.system_template, limit=TEMPLATE_LIMIT)
        ),
        "answer_format": rules.pop("format"),
        "answer_rules": rules,
        "markers": [check_line("marker", marker, limit=NAME_LIMIT) for marker in persona.markers],
        "generation": asdict(persona.generation),
        "example_policy": _plain(asdict(plan.example_policy)),
        "gate_policy": _plain(asdict(plan.gate_policy or default_gate(persona.answers))),
        "canary_policy": asdict(plan.canary_policy) if plan.canary_policy else {},
        "recipe": plan.recipe,
        "recipe_overrides": list(plan.recipe_overrides),
        "begins_with": plan.begins_with,
    }


def _plain(policy: dict[str, Any]) -> dict[str, Any]:
    """As it reads back from the database: JSON knows lists and words only."""
    return cast("dict[str, Any]", json.loads(json.dumps(policy)))
