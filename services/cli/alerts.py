"""`persona-loop alerts`: what a person must hear of, and has not ended yet."""

from typing import Annotated

import typer

from services.cli.output import Json, show, speaking
from services.jobs import alerts as jobs

commands = typer.Typer()


@commands.command()
@speaking
def alerts(
    look: Annotated[
        bool, typer.Option("--look", help="Look now, and tell what is new, as the service does.")
    ] = False,
    as_json: Json = False,
) -> None:
    """The open alerts, the oldest first."""
    show(jobs.look() if look else jobs.opened(), as_json=as_json)
