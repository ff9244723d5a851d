"""Settings of the process for a server of large pages: its garbage collector, its memory."""

import contextlib
import ctypes
import gc

# Of glibc's malloc.h.
_M_ARENA_MAX, _M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD = -8, -3, -1
_KEPT = 16 << 20
"""Bytes of free memory that are kept for the next page of thousands of files.

What is given back to the system has to be cleared anew.
"""


def relieve_collector() -> None:
    """Have the garbage collector look less often, and not at what stays for ever.

    A page of thousands of files is thousands of objects, none of them garbage: half of the time
    to read it went into looking for some.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def keep_memory_together() -> None:
    """Let all threads take memory from two places, and keep some of what they free (glibc).

    It has up to eight a core, and a thread that ends leaves its own with holes.
    """
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_ARENA_MAX, 2)
        mallopt(_M_MMAP_THRESHOLD, _KEPT)
        mallopt(_M_TRIM_THRESHOLD, _KEPT)
