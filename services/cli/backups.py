"""`persona-loop backup` and `persona-loop restore`: database and adapter store together, in one folder."""

from pathlib import Path
from typing import Annotated

import typer

from services.cli.output import EXIT_ERROR, speaking
from services.cli.service import first_settings
from services.jobs import backup as backing_up
from services.jobs import restore as restoring

commands = typer.Typer()


@commands.command()
@speaking
def backup(
    into: Annotated[
        Path | None, typer.Argument(help="Below which folder to make it; unset: VAR_DIR/backups.")
    ] = None,
) -> None:
    """Back up database and adapter store, whether the service runs or not. Exit code 1: files are missing."""
    folder, manifest = backing_up.backup(into)
    typer.echo(f"{folder}: {len(manifest.files)} files, {manifest.size / 2**20:.1f} MiB")
    for name, head in manifest.heads.items():
        typer.echo(f"{name}: {head or 'empty'}")
    for path in manifest.lacking:
        typer.echo(f"Missing or damaged in the adapter store: {path}", err=True)
    if manifest.lacking:
        raise typer.Exit(EXIT_ERROR)


@commands.command()
@speaking
def restore(
    folder: Annotated[Path, typer.Argument(help="What `backup` made.")],
    replace: Annotated[bool, typer.Option("--replace", help="Delete what is there now.")] = False,
) -> None:
    """Restore a backup into an empty place, while the service is stopped."""
    manifest = restoring.restore(first_settings(), folder, replace=replace)
    typer.echo(f"Restored as of {manifest.made_at:%Y-%m-%d %H:%M:%S} UTC: {len(manifest.files)} files.")
    for path in manifest.lacking:
        typer.echo(f"Missing or damaged when the backup was made: {path}", err=True)
