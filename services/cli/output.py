"""What commands print: tables for people, JSON for machines; an error is a sentence and an exit code."""

import json
import logging
import re
import sys
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Annotated, Any, ParamSpec, TypeVar

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from services.errors.tree import InvalidInput, PersonaLoopError, Refused, Unavailable

PLAIN_WIDTH = 200  # characters
_READABLE = 20  # characters that a text needs beside other columns
_GAP = 2  # between two columns
_NOTHING = ("", "-")  # values that people need not read
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
        console.print(_fields(records))
    elif not records:
        console.print("nothing yet")
    else:
        _print_rows(console, records)


def tell(lines: Iterable[str]) -> None:
    """Lines for people, without what a terminal would obey."""
    for line in lines:
        typer.echo(_without_control(line))


def _fields(record: Record) -> Table:
    """A name and a value a line."""
    table = Table(show_header=False, box=None)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in record.items():
        table.add_row(_cell(name.replace("_", " ")), _cell("no" if value is False else value))
    return table


def _print_rows(console: Console, records: list[Record]) -> None:
    """A table where each line has room beside its longest column; else a block of fields for each record.

    What no record has a value for is left out.
    """
    told = [
        {name: value for name, value in record.items() if _plain(value) not in _NOTHING} for record in records
    ]
    names = {name for record in told for name in record}
    columns = [name for name in dict.fromkeys(name for record in records for name in record) if name in names]
    headings = [_cell(name.replace("_", " ")) for name in columns]
    rows = [[_cell(record.get(name)) for name in columns] for record in records]
    widths = [max(one.cell_len for one in column) for column in zip(headings, *rows, strict=True)]
    longest = widths.index(max(widths))
    room = console.width - sum(widths) - _GAP * len(widths) + widths[longest]
    if room < min(widths[longest], _READABLE):
        for record in told:
            console.print(_fields(record))
            console.print()
        return
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, _GAP - 1, 0, 0))
    for number, heading in enumerate(headings):
        table.add_column(heading, overflow="fold", no_wrap=number != longest)
    for row in rows:
        table.add_row(*row)
    console.print(table)


def speaking(command: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """The command, with every error of the tree turned into its sentence on stderr and an exit code."""

    @wraps(command)
    def spoken(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        logging.basicConfig(level=logging.INFO, format="%(message)s")
        for talkative in ("httpx", "httpx2", "alembic"):  # a line for each request would hide the rest
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
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_plain(one)}" for name, one in value.items()) or "-"
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _without_control(text: str) -> str:
    return _CONTROL.sub("", text)
