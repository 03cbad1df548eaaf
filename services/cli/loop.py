"""The steps of the loop by hand, from assemble to promote, rollback and rebase; the gate has a file."""

from typing import Annotated

import typer

from services.cli.actor import actor
from services.cli.moving import show_moved
from services.cli.output import EXIT_NO, Json, show, speaking
from services.domain.promotions import PromotionKind
from services.jobs import approve as approving
from services.jobs import assemble as assembling
from services.jobs import evaluate as evaluating
from services.jobs import promote as promoting
from services.jobs import rebase as rebasing
from services.jobs import rollback as rolling_back
from services.jobs.installation import now

commands = typer.Typer()


@commands.command()
@speaking
def assemble(
    persona: str,
    cutoff: Annotated[str, typer.Option(help="ISO 8601 with a time zone; now when left out.")] = "",
    as_json: Json = False,
) -> None:
    """Freeze a persona's training set up to a cutoff, or say why there is none."""
    assembled = assembling.assemble(persona, cutoff or now().isoformat())
    show(dict(assembled), as_json=as_json)
    if "skipped" in assembled:
        raise typer.Exit(EXIT_NO)


@commands.command()
@speaking
def train(
    training_set_id: int,
    override: Annotated[
        list[str] | None, typer.Option("--set", help="A recipe override, such as lora.r=8; repeat.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Train an adapter version from a frozen set."""
    from services.jobs.train import train as train_set  # noqa: PLC0415  (torch, trl, peft: many seconds)

    show({"version_id": train_set(training_set_id, override or [])}, as_json=as_json)


@commands.command()
@speaking
def evaluate(
    version_id: int,
    as_json: Json = False,
) -> None:
    """Let a version, the champion and the base answer one suite; prints the report ids."""
    show(dict(evaluating.evaluate(version_id)), as_json=as_json)


@commands.command()
@speaking
def promote(decision_id: int, as_json: Json = False) -> None:
    """Let the candidate of a passed decision serve, or be tried first where the persona's policy says so."""
    moved = promoting.promote(decision_id, actor())
    show_moved(moved, as_json=as_json)
    if moved["kind"] == PromotionKind.FULL and moved["serves"] != moved["version"]:
        raise typer.Exit(EXIT_NO)


@commands.command()
@speaking
def approve(
    decision_id: int,
    reason: Annotated[str, typer.Option(help="Why; kept with the decision.")],
    as_json: Json = False,
) -> None:
    """Give your word that what was decided on may serve; `promote` lets it."""
    approved = approving.approve(decision_id, reason, actor())
    show(dict(approved), as_json=as_json)
    if approved["reason"] != reason.strip() and not as_json:
        typer.echo("It was approved before: the first word stands, and this one is not kept.", err=True)


@commands.command()
@speaking
def rollback(
    persona: str,
    reason: Annotated[str, typer.Option(help="Why; kept in the ledger.")],
    version: Annotated[
        int | None, typer.Option("--to", help="The version; the one before if not given.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Put an earlier version back, or a rolled-back one in again."""
    show_moved(rolling_back.rollback(persona, version, reason, actor()), as_json=as_json)


@commands.command()
@speaking
def rebase(
    persona: str,
    overrides: Annotated[
        list[str], typer.Argument(help="model=NAME, the new base; then recipe overrides such as lora.r=8.")
    ],
    as_json: Json = False,
) -> None:
    """Learn the newest set on a new base, judge it against who serves, and promote it if it passes."""
    gated = rebasing.rebase(persona, overrides)
    if gated["verdict"] != "PASS":
        show(dict(gated), as_json=as_json)
        raise typer.Exit(EXIT_NO)
    show({**gated, **promoting.promote(gated["decision_id"], actor())}, as_json=as_json)
