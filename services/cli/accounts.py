"""`persona-loop account …`: who may sign in, as what; and the log of all that was administered."""

from typing import Annotated

import typer

from services.cli.actor import actor
from services.cli.output import Json, show, speaking
from services.domain.roles import Role
from services.jobs import accounts
from services.operations.stack import feedback_url
from services.settings import read_settings

commands = typer.Typer(no_args_is_help=True, help="Invite people, change what they may do, end it.")


@commands.command()
@speaking
def invite(role: Role) -> None:
    """Print a link, shown this once, by which one person makes an account of this role within a week."""
    token = accounts.invite(role, actor())
    typer.echo(f"{feedback_url(read_settings())}/invitations/{token}")


@commands.command("list")
@speaking
def list_accounts(as_json: Json = False) -> None:
    """Every account, by name."""
    show(accounts.listed(), as_json=as_json)


@commands.command()
@speaking
def role(name: str, role: Role, as_json: Json = False) -> None:
    """Change what an account may do."""
    show(accounts.change_role(name, role, actor()), as_json=as_json)


@commands.command()
@speaking
def close(name: str, as_json: Json = False) -> None:
    """Close an account: every browser is signed out, and nobody signs in with it."""
    show(accounts.close(name, actor()), as_json=as_json)


@commands.command()
@speaking
def reopen(name: str, as_json: Json = False) -> None:
    """Open a closed account again; its password and role are those of before."""
    show(accounts.reopen(name, actor()), as_json=as_json)


@commands.command()
@speaking
def password(
    name: str,
    new: Annotated[str, typer.Option(prompt="New password", hide_input=True, confirmation_prompt=True)],
    as_json: Json = False,
) -> None:
    """Set another password for who forgot theirs; every browser is signed out."""
    show(accounts.set_password(name, new, actor()), as_json=as_json)


@commands.command("sign-out")
@speaking
def sign_out(name: str) -> None:
    """End every sign-in of an account."""
    ended = accounts.sign_out(name, actor())
    typer.echo(f"{ended} {'browser was' if ended == 1 else 'browsers were'} signed out.")


@commands.command()
@speaking
def audit(
    limit: Annotated[int, typer.Option(min=1, help="How many entries, the newest first.")] = 20,
    as_json: Json = False,
) -> None:
    """Every administrative act, by whom and to what."""
    entries = accounts.audit_log(limit)
    show(entries if as_json else [accounts.told(entry) for entry in entries], as_json=as_json)
