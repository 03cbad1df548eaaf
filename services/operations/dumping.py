"""The database as one file and back, by the programs of PostgreSQL that came with the embedded server.

No program is told the password among its arguments. What else a backup holds is not known here.
"""

import os
import subprocess
from pathlib import Path

from sqlalchemy import Connection, inspect, make_url, text

from services.db.postgres_programs import programs
from services.db.session import owner_url
from services.operations.pgpass import pgpass_file, write_pgpass
from services.settings import Settings

_OTHERS_WAIT = "10s"  # that a restore waits for sessions of others to let go of the tables


class ProgramFailed(Exception):
    """One of PostgreSQL's programs, with the first error it told; callers say what they wanted of it."""


def dump(settings: Settings, *, snapshot: str, into: Path) -> None:
    """One moment of the database, that of an exported snapshot, in PostgreSQL's custom format."""
    _run("pg_dump", settings, "--format=custom", f"--snapshot={snapshot}", "--no-unlogged-table-data", into)


def load(settings: Settings, source: Path) -> None:
    """All of a dump or nothing of it, into a database without tables; the account in use owns them then."""
    one_step = ("--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges")
    _run("pg_restore", settings, *one_step, source)


def holds_something(connection: Connection) -> bool:
    """Whether a row is in any table; a schema that was just migrated has none."""
    tables = set(inspect(connection).get_table_names()) - {"alembic_version"}
    return any(connection.scalar(text(f'SELECT EXISTS (SELECT FROM "{table}")')) for table in tables)  # noqa: S608


def drop_everything(connection: Connection) -> None:
    """Leave a database without tables; waits a moment for others, and no longer."""
    connection.execute(text(f"SET LOCAL lock_timeout = '{_OTHERS_WAIT}'"))
    connection.execute(text("DROP SCHEMA public CASCADE"))
    connection.execute(text("CREATE SCHEMA public"))


def _run(program: str, settings: Settings, *arguments: str | Path) -> None:
    """pg_dump writes to the last argument, pg_restore reads it."""
    address = write_pgpass(settings)
    target = f"--file={arguments[-1]}" if program == "pg_dump" else str(arguments[-1])
    signing_in = {"PGPASSFILE": str(pgpass_file(settings))} if make_url(owner_url(settings)).password else {}
    done = subprocess.run(  # noqa: S603 - the wheel's own programs
        [str(programs() / program), *map(str, arguments[:-1]), f"--dbname={address}", target],
        env={**os.environ, **signing_in, "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or [f"{program} failed"]
        raise ProgramFailed(next((line for line in said if "error:" in line), said[-1]))
