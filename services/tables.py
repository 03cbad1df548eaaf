"""Tables for people: whole words in a narrow terminal, nothing cut. What they tell is their callers'."""

import os
import re
import sys
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

PLAIN_WIDTH = 200  # characters
_READABLE = 20  # characters that a text needs beside other columns
_GAP = 2  # between two columns
_NOTHING = ("", "-")  # values that people need not read

# A terminal obeys these. People's texts may hold them, as may what a model wrote.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

Record = dict[str, Any]


def page() -> Console:
    """Standard output, as wide as its terminal; a file or a pipe has no width but what COLUMNS says."""
    if sys.stdout.isatty():
        return Console()
    columns = os.environ.get("COLUMNS", "")
    return Console(width=int(columns) if columns.isdecimal() and int(columns) else PLAIN_WIDTH)


def print_fields(console: Console, record: Record) -> None:
    """A name and a value a line."""
    table = Table(show_header=False, box=None)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in record.items():
        table.add_row(_cell(name.replace("_", " ")), _cell("no" if value is False else value))
    console.print(table)


def print_rows(console: Console, records: list[Record]) -> None:
    """A table where each line has room beside its longest column; else a block of fields for each record.

    What no record has a value for is left out. A `Text` keeps its colour.
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
            print_fields(console, record)
            console.print()
        return
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, _GAP - 1, 0, 0))
    for number, heading in enumerate(headings):
        table.add_column(heading, overflow="fold", no_wrap=number != longest)
    for row in rows:
        table.add_row(*row)
    console.print(table)


def without_control(text: str) -> str:
    return _CONTROL.sub("", text)


def _cell(value: object) -> Text:
    """The value as it is: what looks like markup is somebody's brackets."""
    return value if isinstance(value, Text) else Text(without_control(_plain(value)))


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
