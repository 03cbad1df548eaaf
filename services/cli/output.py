"""What commands print: tables for people, JSON for machines; an error is a sentence and an exit code."""

import json
import logging
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Annotated, ParamSpec, TypeVar

import typer

from services.errors.tree import InvalidInput, PersonaLoopError, Refused, Unavailable
from services.tables import Record, page, print_fields, print_rows, without_control

EXIT_ERROR, EXIT_USAGE, EXIT_NO, EXIT_UNAVAILABLE = 1, 2, 3, 4

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def show(records: Record | list[Record], *, as_json: bool) -> None:
    """Print one record as two columns or many as rows; machines get every field, people the short ones."""
    if as_json:
        typer.echo(json.dumps(records, indent=2, default=str))
        return
    if isinstance(records, dict):
        print_fields(page(), records)
    elif not records:
        page().print("nothing yet")
    else:
        print_rows(page(), records)


def tell(lines: Iterable[str]) -> None:
    """Lines for people, without what a terminal would obey."""
    for line in lines:
        typer.echo(without_control(line))


def speaking(command: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """The command, with every error of the tree turned into its sentence on stderr and an exit code."""

    @wraps(command)
    def spoken(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        logging.basicConfig(level=logging.INFO, format="%(message)s")
        # A line for each request would hide the rest, and a gate's checks are what its command prints.
        for talkative in ("httpx", "httpx2", "alembic", "services.jobs.gate"):
            logging.getLogger(talkative).setLevel(logging.WARNING)
        try:
            return command(*args, **kwargs)
        except PersonaLoopError as error:
            complain(error)
            raise typer.Exit(_exit_code(error)) from error

    return spoken


def complain(error: PersonaLoopError) -> None:
    """The error's sentence on stderr."""
    typer.echo(without_control(str(error)), err=True)


def _exit_code(error: PersonaLoopError) -> int:
    if isinstance(error, InvalidInput):
        return EXIT_USAGE
    if isinstance(error, Refused):
        return EXIT_NO
    return EXIT_UNAVAILABLE if isinstance(error, Unavailable) else EXIT_ERROR
