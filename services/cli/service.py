"""Running the service on this machine: up, demo, migrate, database-url."""

import os
from pathlib import Path
from typing import Annotated

import typer

from services.cli.output import speaking
from services.db import migrate as migrations
from services.db.session import make_engine, owner_url
from services.operations.pgpass import write_pgpass
from services.operations.secrets import ensure_secrets
from services.operations.stack import Stack, feedback_url
from services.settings import ROOT, Settings, read_settings

commands = typer.Typer()


@commands.command()
@speaking
def up() -> None:
    """Start the whole service and stay until Ctrl-C: app, inference server, Airflow, database."""
    settings = first_settings()
    with Stack(settings, progress=_tell) as stack:
        stack.wait_until_healthy()
        typer.echo(f"The app:  {feedback_url(settings)}")
        typer.echo(
            f"Airflow:  {settings.airflow_endpoint}  (user admin, AIRFLOW_PASSWORD in "
            f"{settings.var_dir / 'secrets.env'})"
        )
        typer.echo("Ctrl-C stops everything.")
        stack.stay()


@commands.command()
@speaking
def demo(
    once: Annotated[bool, typer.Option("--once", help="Stop at the end instead of staying.")] = False,
) -> None:
    """Watch the whole loop run on real parts: rate, retrain, judge, promote, roll back."""
    from services.demo.run import run_demo  # noqa: PLC0415  (the demo's parts are no part of the service)

    run_demo(first_settings(), once=once)


@commands.command()
@speaking
def migrate() -> None:
    """Bring the schema of DATABASE_URL (or of the running embedded server) to this version."""
    engine = make_engine(owner_url(read_settings()))
    migrations.upgrade(engine)
    engine.dispose()


@commands.command("database-url")
@speaking
def show_database_url(
    database: Annotated[str, typer.Option(help="Another database on the same server.")] = "",
) -> None:
    """Print the database's address for pg_dump and psql; its password is kept in VAR_DIR/pgpass."""
    typer.echo(write_pgpass(read_settings(), database=database))


def first_settings() -> Settings:
    """The settings, after making the secrets where this installation has none yet."""
    ensure_secrets(Path(os.environ.get("VAR_DIR", ROOT / "var")))
    return read_settings()


def _tell(what: str, seconds: float) -> None:
    typer.echo(f"{seconds:6.1f} s  {what} is ready")
