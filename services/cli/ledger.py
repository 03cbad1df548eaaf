"""`persona-loop ledger …`: who served when and why, and whether ledger and audit log are what was written."""

from typing import Annotated

import typer

from services.cli.output import EXIT_ERROR, Json, show, speaking
from services.jobs import chains
from services.jobs import status as reading

commands = typer.Typer(no_args_is_help=True, help="Who served when and why; is the ledger what was written?")


@commands.command("show")
@speaking
def show_ledger(persona: str, as_json: Json = False) -> None:
    """Who served when, why and by whom, newest first."""
    show(reading.ledger(persona), as_json=as_json)


@commands.command()
@speaking
def verify(
    noted: Annotated[
        list[str] | None,
        typer.Option("--head", help="A link noted earlier as the newest of a chain; may be given twice."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make every link of the hash chains of ledger and audit log again, and compare. Exit code 1: changed."""
    checked = chains.verify(tuple(noted or ()))
    show(checked, as_json=as_json)
    if not all(one["sound"] for one in checked):
        raise typer.Exit(EXIT_ERROR)
