"""What engines ask of the machine that they run on."""

import atexit
import ctypes
import gc
import os
import sys

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3  # malloc.h
NEVER = -1
MMAP_BYTES = 1 << 30
MMAP_BYTES_OLD = 32 << 20  # the most that glibc before 2.35 takes
PAD_BYTES = 64 << 20


def usable_cpus() -> int:
    """Return the number of CPUs that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def keep_freed_memory() -> bool:
    """Let this process keep what it frees, for as long as it lives.

    Training frees and takes the same large arrays at every step. By default glibc hands each of
    them back to the system, which clears every page anew: on the demo 1.3 million page faults
    instead of 0.2 million. No number changes, and memory in use grows by some per cent.

    Returns
    -------
    bool
        False where the C library is another than glibc, and nothing was done.
    """
    if not sys.platform.startswith("linux"):
        return False
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version"):
        return False
    library.mallopt(M_MMAP_THRESHOLD, MMAP_BYTES) or library.mallopt(
        M_MMAP_THRESHOLD, MMAP_BYTES_OLD
    )
    library.mallopt(M_TRIM_THRESHOLD, NEVER)
    library.mallopt(M_TOP_PAD, PAD_BYTES)
    return True


def end_at_once() -> None:
    """Have this process, at its end, not search what it holds for cycles to free.

    The system takes all memory back in any case; the search took 1.7 s of the processor after a
    run of the demo.
    """
    atexit.register(gc.freeze)
