"""Keep the object store out of the server's memory: it is shared, and mapped page by page."""

import ctypes
import mmap

import numpy as np
from flwr.app import ArrayRecord, Message

_libc = ctypes.CDLL(None)


def let_go(content: Message | ArrayRecord) -> None:
    """Unmap the pages of arrays that lie in the object store.

    Reading an array maps its pages into this process, where they count as its memory until it
    ends, though they belong to the store. The arrays stay valid: reading one maps it again.
    """
    if isinstance(content, ArrayRecord):
        for array in content.values():
            if isinstance(array.data, memoryview):
                _unmap(array.data)
    elif content.has_content():
        for record in content.content.values():
            if isinstance(record, ArrayRecord):
                let_go(record)


def _unmap(view: memoryview) -> None:
    address = np.frombuffer(view, np.uint8).ctypes.data
    first = -(-address // mmap.PAGESIZE) * mmap.PAGESIZE
    length = address + len(view) - first
    if length > 0:
        # On a shared mapping this drops page table entries only, never content.
        _libc.madvise(ctypes.c_void_p(first), ctypes.c_size_t(length), mmap.MADV_DONTNEED)
