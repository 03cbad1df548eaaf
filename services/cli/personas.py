"""`persona-loop persona …`: create personas and give them examples and items."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli.output import EXIT_ERROR, Json, complain, show, speaking
from services.domain.examples import ExamplePolicy
from services.domain.gate import GatePolicy
from services.domain.personas import DEFAULT_SYSTEM_TEMPLATE, GenerationSettings, Persona, parse_slug
from services.errors.inputs import InvalidPolicy
from services.evaluation.decisions import parse_policy
from services.feedback.personas import PersonaPlan
from services.jobs import personas as jobs
from services.jobs import status
from services.training_sets.importing import Imported

commands = typer.Typer(no_args_is_help=True, help="Personas: list, create, import, items.")

Slug = Annotated[str, typer.Argument(help="The persona's slug, such as pirate.")]
Name = Annotated[str, typer.Option(help="What people see; the slug when left out.")]
Template = Annotated[str, typer.Option(help="System prompt with {domain} and {audience}.")]
Marker = Annotated[list[str] | None, typer.Option(help="A word or phrase that shows the style; repeat.")]
Set = Annotated[list[str] | None, typer.Option("--set", help="A recipe override, such as lora.r=8; repeat.")]
PolicyFile = Annotated[
    Path | None,
    typer.Option(help='JSON: {"examples": {...}, "gate": {"requirements": [...]}, "generation": {...}}.'),
]


@commands.command("list")
@speaking
def list_personas(as_json: Json = False) -> None:
    """Every persona and who serves it."""
    show(status.personas(), as_json=as_json)


@commands.command("create")
@speaking
def create(
    slug: Slug,
    name: Name = "",
    template: Template = DEFAULT_SYSTEM_TEMPLATE,
    marker: Marker = None,
    override: Set = None,
    policy: PolicyFile = None,
    as_json: Json = False,
) -> None:
    """Create a persona; its plain base serves from the first moment."""
    plan = _plan(slug, name, template, marker=marker, override=override, policy=policy)
    show({"persona": jobs.create_planned(plan)}, as_json=as_json)


@commands.command("import")
@speaking
def import_persona(  # noqa: PLR0913, PLR0917  (a command's options are its parameters)
    slug: Slug,
    file: Annotated[Path, typer.Argument(help="JSONL of examples.")],
    name: Name = "",
    template: Template = DEFAULT_SYSTEM_TEMPLATE,
    marker: Marker = None,
    override: Set = None,
    policy: PolicyFile = None,
    as_json: Json = False,
) -> None:
    """Give a persona examples from a file, creating the persona first if it does not exist."""
    if slug not in {record["persona"] for record in status.personas()}:
        jobs.create_planned(_plan(slug, name, template, marker=marker, override=override, policy=policy))
    _report(jobs.add_examples(slug, file), as_json=as_json)


@commands.command("items")
@speaking
def add_items(
    slug: Slug, file: Annotated[Path, typer.Argument(help="JSONL of items.")], as_json: Json = False
) -> None:
    """Give a persona questions with known answers, asked only to judge."""
    _report(jobs.add_items(slug, file), as_json=as_json)


def _plan(
    slug: str,
    name: str,
    template: str,
    *,
    marker: list[str] | None,
    override: list[str] | None,
    policy: Path | None,
) -> PersonaPlan:
    stored = _read_policy(policy)
    try:
        examples = ExamplePolicy(**stored.get("examples", {}))
        generation = GenerationSettings(**stored.get("generation", {}))
    except TypeError as error:
        raise InvalidPolicy(f"{error}.") from error
    return PersonaPlan(
        persona=Persona(
            slug=parse_slug(slug),
            display_name=name or slug,
            system_template=template,
            markers=tuple(marker or ()),
            generation=generation,
        ),
        example_policy=examples,
        gate_policy=parse_policy(stored["gate"]) if "gate" in stored else GatePolicy(),
        recipe_overrides=tuple(override or ()),
    )


def _read_policy(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidPolicy(f"{file} cannot be read as JSON ({error}).") from error
    if not isinstance(stored, dict):
        raise InvalidPolicy(f"{file} does not hold a JSON object.")
    return stored


def _report(imported: Imported, *, as_json: bool) -> None:
    for error in imported.rejected:
        complain(error)
    rejected = [{"line": error.line, "reason": error.reason} for error in imported.rejected]
    counts = {"added": imported.added, "there_already": imported.already_there}
    if as_json:
        show(counts | {"rejected": rejected}, as_json=True)
    else:
        show(counts | {"rejected": len(rejected)}, as_json=False)
    if imported.rejected:
        raise typer.Exit(EXIT_ERROR)
