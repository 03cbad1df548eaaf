"""Keeps freed memory in the process, so that the next step takes it without the system's help.

On a CPU every step takes and frees temporaries of tens of megabytes (attention alone holds batch x heads x
length x length numbers several times over). The GNU C library gives pieces of that size back to the system
at once, and the system clears each page when they are taken again: half of the attention's time on rows of
330 tokens. Other C libraries are left as they are.
"""

import ctypes
from collections.abc import Callable

# Of mallopt(3): how much may lie free before it is given back, and from where on a piece is mapped.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_NEVER = 2**31 - 1  # bytes; the largest that mallopt takes
_LARGEST_MAPPED = 32 * 2**20  # bytes; the largest threshold of mapping that glibc before 2.35 takes


def keep_freed_memory() -> bool:
    """For the whole process and for good; False where the C library has no such setting."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    return set_thresholds(mallopt)


def set_thresholds(mallopt: Callable[[int, int], int]) -> bool:
    """False where it is refused: what is mapped is given back whatever the other threshold says."""
    mapped = any(mallopt(_MMAP_THRESHOLD, size) == 1 for size in (_NEVER, _LARGEST_MAPPED))
    return mapped and mallopt(_TRIM_THRESHOLD, _NEVER) == 1
