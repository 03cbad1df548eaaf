"""The database's address for PostgreSQL's own programs, and its password in a file that they read.

An address is given as an argument, and arguments of a process are read by every account of the machine.
"""

from pathlib import Path

from sqlalchemy import URL, make_url

from services.adapters.disk import replace_file
from services.db.session import owner_url
from services.settings import Settings


def pgpass_file(settings: Settings) -> Path:
    """What PGPASSFILE is to name."""
    return settings.var_dir.resolve() / "pgpass"


def write_pgpass(settings: Settings, *, database: str = "") -> str:
    """The address without its password, which is in the file now (mode 0600); DatabaseUnavailable.

    `database`: another one on the same server, for a restore that is only tried. Without a password in
    DATABASE_URL no file is written: the operator has another way to sign in.
    """
    url = make_url(owner_url(settings))
    if url.password:
        fields = (url.host or "localhost", str(url.port or 5432), "*", url.username or "*", str(url.password))
        line = ":".join(map(_escaped, fields))
        replace_file(pgpass_file(settings), [f"{line}\n".encode()])
    address = URL.create(
        "postgresql",
        username=url.username,
        host=url.host,
        port=url.port,
        database=database or url.database,
        query=url.query,
    )
    return address.render_as_string()


def _escaped(field: str) -> str:
    return field.replace("\\", "\\\\").replace(":", "\\:")
