"""Starting a child process that ends when the process that started it does, however that one ends.

Who is started, and stopping in good order, are the callers' (`db.embedded`, `operations.stack`).
"""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def spawn(
    command: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str],
    on_parent_death: signal.Signals,
    user: str | None = None,
) -> subprocess.Popen[bytes]:
    """Start a command in its own session, its output appended to `log`.

    Linux sends `on_parent_death` when the *thread* that called this ends, so call it from one that lives as
    long as the child should; elsewhere the child of a parent that crashed lives on. `user`: run as that
    system user, which only root may ask for.
    """
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    parent = os.getpid()

    def follow_the_parent() -> None:
        if libc is None:
            return
        libc.prctl(_PR_SET_PDEATHSIG, on_parent_death)
        if os.getppid() != parent:  # it ended before the call above
            os._exit(1)

    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603 - the callers' own commands, no shell here
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(env),
            user=user,
            group=user,
            extra_groups=None if user is None else [],
            start_new_session=True,
            preexec_fn=follow_the_parent,  # noqa: PLW1509 - one system call, nothing that takes a lock
        )
