"""Keep the object store out of the server's memory: it is shared, and mapped page by page."""

import bisect
import ctypes
import mmap
from pathlib import Path

import numpy as np
from flwr.app import ArrayRecord, Message

_libc = ctypes.CDLL(None)
# Smaller arrays are not worth the system call.
LARGE_BYTES = 2**20


class StorePages:
    """The pages of the object store that this process has mapped.

    Reading an array of the store maps its pages into this process, where they count as its
    memory until it ends, though they belong to the store. `let_go` unmaps them. The arrays stay
    valid: reading one maps it again.
    """

    def __init__(self) -> None:
        self._shared: list[tuple[int, int]] = []  # ranges of addresses, sorted

    def let_go(self, message: Message) -> None:
        """Unmap the pages of a message's arrays."""
        if message.has_content():
            for record in message.content.values():
                if isinstance(record, ArrayRecord):
                    self.let_go_of(record)

    def let_go_of(self, record: ArrayRecord) -> None:
        """Unmap the pages of a record's arrays."""
        for array in record.values():
            if isinstance(array.data, memoryview) and len(array.data) >= LARGE_BYTES:
                start = np.frombuffer(array.data, np.uint8).ctypes.data
                stop = start + len(array.data)
                # Private memory would lose its content; shared memory keeps it. Ray may have
                # put an object into either.
                if self._is_shared(start, stop):
                    _unmap(start, stop)

    def _is_shared(self, start: int, stop: int) -> bool:
        if not self._covers(start, stop):
            self._shared = shared_mappings()
        return self._covers(start, stop)

    def _covers(self, start: int, stop: int) -> bool:
        index = bisect.bisect_right(self._shared, (start, stop)) - 1
        return any(
            low <= start and stop <= high for low, high in self._shared[max(index, 0) : index + 2]
        )


def shared_mappings() -> list[tuple[int, int]]:
    """Return the ranges of addresses that this process shares with others, sorted.

    None is known where the kernel does not tell (only Linux does).
    """
    maps = Path("/proc/self/maps")
    ranges = []
    for line in maps.read_text().splitlines() if maps.exists() else ():
        addresses, permissions, *_ = line.split(maxsplit=2)
        if permissions.endswith("s"):
            low, high = addresses.split("-")
            ranges.append((int(low, 16), int(high, 16)))
    return sorted(ranges)


def _unmap(start: int, stop: int) -> None:
    first = -(-start // mmap.PAGESIZE) * mmap.PAGESIZE
    _libc.madvise(ctypes.c_void_p(first), ctypes.c_size_t(stop - first), mmap.MADV_DONTNEED)
