"""Freed memory stays with the process that trains."""

import subprocess
import sys

import pytest

_TAKE_AND_FREE = """
import resource
import torch
from services.training.freed_memory import keep_freed_memory

kept = {kept} and keep_freed_memory()
for step in range(30):
    if step == 20:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(16_000_000)
print(kept, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def _page_faults(*, kept: bool) -> tuple[bool, int]:
    """Of taking and freeing 64 MB ten times, after as many as the heap needs to find its shape."""
    told = subprocess.run(
        [sys.executable, "-c", _TAKE_AND_FREE.format(kept=kept)], capture_output=True, text=True, check=True
    )
    said, faults = told.stdout.split()
    return said == "True", int(faults)


@pytest.mark.skipif(sys.platform != "linux", reason="the setting is the GNU C library's")
def test_memory_taken_again_costs_no_page_faults() -> None:
    _, as_it_is = _page_faults(kept=False)
    said, with_it = _page_faults(kept=True)

    assert said
    assert with_it < as_it_is / 10
