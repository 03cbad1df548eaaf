"""`persona-loop client …`: who may use the API, and with which scopes."""

from typing import Annotated

import typer

from services.cli.actor import actor
from services.cli.output import Json, show, speaking
from services.domain.scopes import Scope
from services.jobs import clients

commands = typer.Typer(no_args_is_help=True, help="Give chats of other people's a token for the API.")


@commands.command()
@speaking
def create(
    name: str,
    scope: Annotated[list[Scope], typer.Option(help="What it may do; give it once for each.")],
) -> None:
    """Print a new client's token, shown this once."""
    typer.echo(clients.create(name, scope, actor()))


@commands.command()
@speaking
def renew(name: str) -> None:
    """Print another token for a client, shown this once; the one before opens nothing any more."""
    typer.echo(clients.renew(name, actor()))


@commands.command()
@speaking
def revoke(name: str) -> None:
    """Take a client's token away; what its end users said stays."""
    clients.revoke(name, actor())
    typer.echo(f"The token of {name} is revoked.")


@commands.command("list")
@speaking
def list_clients(as_json: Json = False) -> None:
    """Every client, by name."""
    show(clients.listed(), as_json=as_json)
