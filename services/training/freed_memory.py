"""Keeps freed memory in the process, so that the next step takes it without the system's help.

On a CPU every step takes and frees temporaries of tens of megabytes (attention alone holds batch x heads x
length x length numbers several times over). The GNU C library gives pieces of that size back to the system
at once, and the system clears each page when they are taken again: half of the attention's time on rows of
330 tokens. Other C libraries are left as they are.
"""

import ctypes

# Of mallopt(3): how much may lie free before it is given back, and from where on a piece is mapped.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_NEVER = 2**31 - 1  # bytes; the largest that mallopt takes


def keep_freed_memory() -> bool:
    """For the whole process and for good; False where the C library has no such setting."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    return all(mallopt(threshold, _NEVER) == 1 for threshold in (_TRIM_THRESHOLD, _MMAP_THRESHOLD))
