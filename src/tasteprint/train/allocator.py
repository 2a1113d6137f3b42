"""Memory that training frees stays with the process, since the next step takes it again.

Enters: nothing. Leaves: glibc told so, where it is the allocator. Does not know: what is trained.
"""

from __future__ import annotations

from ctypes import CDLL

# Numbers of glibc's malloc.h.
TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD = -1, -2, -3
LARGEST, PAD = 2**31 - 1, 2**26


def keep_freed_memory() -> None:
    """Have blocks of any size come from the heap, and the heap never shrink; nothing on other systems.

    Otherwise glibc may take large blocks from the system anew at every step, zeroed, and give them back (mallopt(3)):
    about half of a step's processor time was seen to be the system's (docs/performance.md). A process that trains
    keeps its peak memory until it ends.
    """
    try:
        mallopt = CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    mallopt(MMAP_THRESHOLD, 2**30)
    mallopt(TRIM_THRESHOLD, LARGEST)
    mallopt(TOP_PAD, PAD)
