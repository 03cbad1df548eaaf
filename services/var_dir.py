"""The folder of an installation, VAR_DIR: made so that other accounts of the machine read nothing in it.

That what is written into it later is private too is the umask's matter, which reading the settings sets.
"""

import os
import stat
from pathlib import Path

_OTHERS = 0o007
_OTHERS_READ = 0o006


def make_private(var_dir: Path) -> None:
    """Make it if need be; what lies in it, from an earlier version perhaps, is closed to other accounts.

    Others may pass through the folder itself: as root, PostgreSQL runs as another user. The group's rights
    are left as the operator set them.
    """
    for folder in reversed([var_dir, *var_dir.parents]):
        if not folder.exists():
            folder.mkdir(exist_ok=True)
            folder.chmod(0o711)  # not mkdir's mode: the umask would be taken off it
    _take_away(var_dir, _OTHERS_READ)
    for entry in var_dir.iterdir():
        if not entry.is_symlink():
            _take_away(entry, _OTHERS)


def _take_away(path: Path, bits: int) -> None:
    found = path.stat()
    if found.st_mode & bits and found.st_uid == os.geteuid():
        path.chmod(stat.S_IMODE(found.st_mode) & ~bits)
