"""An installation of a benchmark's own: its folder, its free ports, and an environment that names it.

Jobs, the command line and the stack then work in it as they do in any other. What is measured in it is the
benchmarks' own.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from services.operations.secrets import ensure_secrets
from services.settings import Settings, read_settings

_PORTS = ("FEEDBACK_PORT", "INFERENCE_PORT", "AIRFLOW_PORT")
# What would make another installation of this one.
_ELSEWHERE = (
    "DATABASE_URL",
    "DATABASE_OWNER_URL",
    "ADAPTER_STORE",
    "INFERENCE_URL",
    "OTHER_INFERENCE_URLS",
    "OTHER_BASE_MODELS",
    "AIRFLOW_URL",
    "RATE_LIMITS_URL",
)


@contextmanager
def own_installation(folder: Path, **variables: str) -> Iterator[Settings]:
    """The settings of an installation in `folder` on free ports; the environment names it in the block.

    `variables` are further settings by the names they have in the environment.
    """
    chosen = {"VAR_DIR": str(folder.resolve()), **_free_ports(), **variables}
    with _environment(chosen):
        ensure_secrets(folder)
        yield read_settings()


def persona_loop(*arguments: str) -> str:
    """What `persona-loop` printed; CalledProcessError when it ended with anything but 0, its reason shown."""
    program = Path(sys.executable).with_name("persona-loop")
    command = [str(program), *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout  # noqa: S603


@contextmanager
def _environment(chosen: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    for name in _ELSEWHERE:
        os.environ.pop(name, None)
    os.environ.update(chosen)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _free_ports() -> dict[str, str]:
    """A free port for each, found while all are held so that no two are the same."""
    with ExitStack() as probes:
        ports = {}
        for name in _PORTS:
            probe = probes.enter_context(socket.socket())
            probe.bind(("127.0.0.1", 0))
            ports[name] = str(probe.getsockname()[1])
        return ports
