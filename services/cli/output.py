"""What commands print: tables for people, JSON for machines; an error is a sentence and an exit code."""

import json
import logging
import re
import sys
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, ParamSpec, TypeVar

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from services.errors.tree import InvalidInput, PersonaLoopError, Refused, Unavailable

PLAIN_WIDTH = 200  # characters
EXIT_ERROR, EXIT_USAGE, EXIT_NO, EXIT_UNAVAILABLE = 1, 2, 3, 4

# A terminal obeys these. People's texts may hold them, as may what a model wrote.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
Record = dict[str, Any]


def show(records: Record | list[Record], *, as_json: bool) -> None:
    """Print one record as two columns or many as rows; machines get every field, people the short ones."""
    if as_json:
        typer.echo(json.dumps(records, indent=2, default=str))
        return
    # A file or a pipe has no width of its own; nothing is cut there.
    console = Console() if sys.stdout.isatty() else Console(width=PLAIN_WIDTH)
    if isinstance(records, dict):
        table = Table(show_header=False, box=None)
        for name, value in records.items():
            table.add_row(_cell(name.replace("_", " ")), _cell(value))
        console.print(table)
        return
    if not records:
        console.print("nothing yet")
        return
    columns = list(dict.fromkeys(name for record in records for name in record))
    table = Table()
    for name in columns:
        table.add_column(_cell(name.replace("_", " ")), overflow="fold")
    for record in records:
        table.add_row(*(_cell(record.get(name)) for name in columns))
    console.print(table)


def speaking(command: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """The command, with every error of the tree turned into its sentence on stderr and an exit code."""

    @wraps(command)
    def spoken(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        logging.basicConfig(level=logging.INFO, format="%(message)s")
        for talkative in ("httpx", "alembic"):  # a line for each request would hide the rest
            logging.getLogger(talkative).setLevel(logging.WARNING)
        try:
            return command(*args, **kwargs)
        except PersonaLoopError as error:
            complain(error)
            raise typer.Exit(_exit_code(error)) from error

    return spoken


def complain(error: PersonaLoopError) -> None:
    """The error's sentence on stderr."""
    typer.echo(_without_control(str(error)), err=True)


def _exit_code(error: PersonaLoopError) -> int:
    if isinstance(error, InvalidInput):
        return EXIT_USAGE
    if isinstance(error, Refused):
        return EXIT_NO
    return EXIT_UNAVAILABLE if isinstance(error, Unavailable) else EXIT_ERROR


def _cell(value: object) -> Text:
    """The value as it is: what looks like markup is somebody's brackets."""
    return Text(_without_control(_plain(value)))


def _plain(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else ""
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _without_control(text: str) -> str:
    return _CONTROL.sub("", text)
