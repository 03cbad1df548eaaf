"""Freed memory stays with the process that trains."""

import subprocess
import sys

import pytest

from services.training.freed_memory import set_thresholds

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


@pytest.mark.parametrize(
    ("largest", "kept", "taken"),
    [
        (2**31 - 1, True, {-3: 2**31 - 1, -1: 2**31 - 1}),
        (32 * 2**20, True, {-3: 32 * 2**20, -1: 2**31 - 1}),
        (2**20, False, {}),
    ],
)
def test_a_library_that_refuses_the_largest_threshold_is_given_the_largest_it_takes(largest, kept, taken):
    """glibc before 2.35 takes none above 32 MiB, and without it the other threshold stays as it is."""
    given = {}

    def mallopt(threshold, size):
        refused = threshold == -3 and size > largest
        return 0 if refused else given.update({threshold: size}) or 1

    assert set_thresholds(mallopt) is kept
    assert given == taken
