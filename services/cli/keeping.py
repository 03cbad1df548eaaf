"""`persona-loop retain`: what is kept of versions and trainings, and what goes."""

from typing import Annotated

import typer

from services.cli.output import Json, show, speaking
from services.jobs import retain as retaining

commands = typer.Typer()


@commands.command()
@speaking
def retain(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    as_json: Json = False,
) -> None:
    """Take away files of old versions that nothing names, orphaned folders, and what trainings left."""
    told = retaining.foresee() if dry_run else retaining.retain()
    if as_json:
        show([dict(one) for one in told], as_json=True)
        return
    show([_row(one, goes="would go" if dry_run else "went") for one in told], as_json=False)
    gone = [one["bytes"] for one in told if not one["stays"]]
    typer.echo(
        f"{len(gone)} of {len(told)} folders {'would go' if dry_run else 'went'}: {_size(sum(gone))} of "
        f"{_size(sum(one['bytes'] for one in told))}."
    )


def _row(one: retaining.Retained, *, goes: str) -> dict[str, object]:
    fate = "stays" if one["stays"] else goes
    return {
        "of": one["of"],
        "folder": one["folder"],
        "fate": fate,
        "size": _size(one["bytes"]),
        "why": one["why"],
    }


def _size(count: int) -> str:
    return f"{count / 2**20:.1f} MiB"
