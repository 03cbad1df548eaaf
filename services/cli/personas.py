"""`persona-loop persona …`: create personas and give them examples and items."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

import typer

from services.adapters.canaries import parse_canary_policy
from services.cli.output import EXIT_ERROR, Json, complain, show, speaking
from services.domain.answer_formats import AnswerFormat
from services.domain.example_policy import ExamplePolicy
from services.domain.gate_policy import with_kept
from services.domain.personas import DEFAULT_SYSTEM_TEMPLATE
from services.errors.inputs import InvalidFieldName, InvalidPolicy
from services.evaluation.decisions import parse_policy
from services.feedback.personas import PersonaPlan, Policies
from services.jobs import personas as jobs
from services.jobs import status
from services.training_sets.importers.formats import FormatName
from services.training_sets.importers.rows import Reading
from services.training_sets.importing import Imported, ImportFile

_SHOWN = 20  # of the reports
_CHOSEN_BY = ("persona", "name", "answers", "serves", "served_name", "routes")
_ANSWERED_IN = {FormatName.MCQ: AnswerFormat.MCQ, FormatName.SAQ: AnswerFormat.SAQ}

commands = typer.Typer(no_args_is_help=True, help="Personas: list, create, import, items, route.")

Slug = Annotated[str, typer.Argument(help="The persona's slug, such as pirate.")]
Name = Annotated[str, typer.Option(help="What people see; the slug when left out.")]
Template = Annotated[str, typer.Option(help="System prompt with {domain} and {audience}.")]
Marker = Annotated[list[str] | None, typer.Option(help="A word or phrase that shows the style; repeat.")]
Set = Annotated[list[str] | None, typer.Option("--set", help="A recipe override, such as lora.r=8; repeat.")]
Format = Annotated[FormatName, typer.Option("--format", help="What the file holds, and how.")]
Field = Annotated[
    list[str] | None,
    typer.Option(
        help="The format's name of a field and the file's, such as question=title; several of the file's "
        "after one another, such as choice=ann,bob; repeat."
    ),
]
Language = Annotated[str, typer.Option(help="Of records that do not name theirs; a slice when judging.")]
Answers = Annotated[AnswerFormat | None, typer.Option("--format", help="The format of its answers.")]
WordLimit = Annotated[int, typer.Option(help="The most words of an answer; 0 for no limit.")]
BeginWith = Annotated[
    str,
    typer.Option(
        help="Whose adapter its first training begins with: another persona's version, by its serving name."
    ),
]
PolicyFile = Annotated[
    Path | None,
    typer.Option(
        help='JSON: {"examples": {...}, "gate": {"requirements": [...]}, "canary": {"share": 0.2}, '
        '"generation": {...}, "answers": {...}}.'
    ),
]


@commands.command("list")
@speaking
def list_personas(as_json: Json = False) -> None:
    """Every persona: how it answers, which version serves it, who answers for it in other formats."""
    records = status.personas()
    if not as_json:  # how its learning goes is `status`'s to tell
        records = [{name: record[name] for name in _CHOSEN_BY} for record in records]
    show(records, as_json=as_json)


@commands.command("create")
@speaking
def create(  # noqa: PLR0913, PLR0917  (a command's options are its parameters)
    slug: Slug,
    name: Name = "",
    template: Template = DEFAULT_SYSTEM_TEMPLATE,
    marker: Marker = None,
    override: Set = None,
    policy: PolicyFile = None,
    answer_format: Answers = None,
    word_limit: WordLimit = 0,
    begin_with: BeginWith = "",
    as_json: Json = False,
) -> None:
    """Create a persona; its plain base serves from the first moment."""
    asked = {"format": answer_format, "word_limit": word_limit}
    answers = {field: value for field, value in asked.items() if value}
    plan = _plan(slug, name, template, marker=marker, override=override, policy=policy, answers=answers)
    planned = replace(plan, begins_with=begin_with)
    show({"persona": jobs.create_planned(planned)}, as_json=as_json)


@commands.command("import")
@speaking
def import_persona(  # noqa: PLR0913, PLR0917  (a command's options are its parameters)
    slug: Slug,
    file: Annotated[Path, typer.Argument(help="The file, or a folder of such files.")],
    file_format: Format = FormatName.INSTRUCTIONS,
    field: Field = None,
    language: Language = "",
    name: Name = "",
    template: Template = DEFAULT_SYSTEM_TEMPLATE,
    marker: Marker = None,
    override: Set = None,
    policy: PolicyFile = None,
    as_json: Json = False,
) -> None:
    """Give a persona what a file holds, creating the persona first if it does not exist.

    One that is created for a file of letters or short answers answers with them.
    """
    reading = Reading(names=_names(field or []), language=language)
    if slug not in {record["persona"] for record in status.personas()}:
        answers = {"format": _ANSWERED_IN[file_format]} if file_format in _ANSWERED_IN else {}
        plan = _plan(slug, name, template, marker=marker, override=override, policy=policy, answers=answers)
        jobs.create_planned(plan)
    _report(jobs.add_file(slug, ImportFile(file, file_format, reading)), as_json=as_json)


@commands.command("items")
@speaking
def add_items(
    slug: Slug,
    file: Annotated[Path, typer.Argument(help="The file, or a folder of such files.")],
    file_format: Format = FormatName.ITEMS,
    field: Field = None,
    language: Language = "",
    as_json: Json = False,
) -> None:
    """Give a persona questions with known answers, asked only to judge."""
    reading = Reading(names=_names(field or []), language=language)
    _report(jobs.add_items(slug, ImportFile(file, file_format, reading)), as_json=as_json)


@commands.command("route")
@speaking
def route(
    slug: Slug,
    target: Annotated[str, typer.Argument(help="The persona that answers in its own format.")],
    remove: Annotated[bool, typer.Option("--remove", help="It answers for this one no more.")] = False,
    as_json: Json = False,
) -> None:
    """Let another persona answer what this one is asked in that one's format."""
    show(jobs.route(slug, target, remove=remove), as_json=as_json)


@commands.command("policy")
@speaking
def policy(
    slug: Slug,
    file: Annotated[
        Path | None,
        typer.Argument(help='JSON of those to change; "canary": null ends sending versions there.'),
    ] = None,
) -> None:
    """Show a persona's policies as JSON, or change what a file names of them, from the next night on."""
    if file is not None:
        jobs.change(slug, _policies(_completed(_read_policy(file), jobs.policies(slug))))
    show(jobs.policies(slug), as_json=True)


def _completed(named: Mapping[str, Any], present: Mapping[str, Any]) -> dict[str, Any]:
    """What a file leaves out of a section stays as it is."""
    return {
        name: (present.get(name) or {}) | section if isinstance(section, dict) else section
        for name, section in named.items()
    }


def _policies(stored: Mapping[str, Any]) -> Policies:
    if unknown := stored.keys() - {"examples", "gate", "canary"}:
        raise InvalidPolicy(f"{', '.join(sorted(unknown))} cannot be changed; examples, gate and canary can.")
    try:
        examples = ExamplePolicy(**stored["examples"]) if "examples" in stored else None
    except TypeError as error:
        raise InvalidPolicy(f"{error}.") from error
    canary = parse_canary_policy(stored["canary"]) if stored.get("canary") else None
    return Policies(
        examples=examples,
        gate=with_kept(parse_policy(stored["gate"])) if "gate" in stored else None,
        canary=canary or ("none" if "canary" in stored else None),
    )


def _plan(
    slug: str,
    name: str,
    template: str,
    *,
    marker: list[str] | None,
    override: list[str] | None,
    policy: Path | None,
    answers: Mapping[str, object] = MappingProxyType({}),
) -> PersonaPlan:
    return jobs.plan_of(
        slug,
        name,
        template,
        markers=marker or (),
        overrides=override or (),
        stored=_read_policy(policy),
        answers=answers,
    )


def _names(given: list[str]) -> dict[str, tuple[str, ...]]:
    """Raises InvalidFieldName for what is not NAME=NAME."""
    names: dict[str, tuple[str, ...]] = {}
    for pair in given:
        ours, _, theirs = pair.partition("=")
        names[ours.strip()] = tuple(name.strip() for name in theirs.split(","))
        if not ours.strip() or not all(names[ours.strip()]):
            raise InvalidFieldName(pair)
    return names


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
    for error in imported.rejected[:_SHOWN]:
        complain(error)
    if len(imported.rejected) > _SHOWN:
        typer.echo(f"… and {len(imported.rejected) - _SHOWN} more; --json lists all of them.", err=True)
    rejected = [{"line": error.line, "reason": error.reason} for error in imported.rejected]
    counts = {"added": imported.added, "there_already": imported.already_there}
    if as_json:
        show(counts | {"rejected": rejected}, as_json=True)
    else:
        show(counts | {"rejected": len(rejected)}, as_json=False)
    if imported.rejected:
        raise typer.Exit(EXIT_ERROR)
