"""Which code is running, for provenance: the commit of the checkout, else the installed version."""

import subprocess
from importlib.metadata import version

from services.settings import ROOT


def code_revision() -> str:
    """A commit id, with "+changes" where files differ from it; the package version outside a checkout."""
    git = ["git", "-C", str(ROOT)]
    try:
        commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)  # noqa: S603
        changed = subprocess.run([*git, "diff", "--quiet", "HEAD"], check=False)  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return version("persona-loop")
    return commit.stdout.strip() + ("+changes" if changed.returncode else "")
