import mmap
from multiprocessing import shared_memory

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord

from fed.engines.ray_pages import LARGE_BYTES, StorePages, shared_mappings


def resident_shared_bytes() -> int:
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssShmem"))


def record_over(buffer) -> ArrayRecord:
    array = Array("uint8", (len(buffer),), "numpy.ndarray", b"")
    array.data = memoryview(buffer).toreadonly()
    record = ArrayRecord()
    record["values"] = array
    return record


@pytest.fixture
def shared():
    memory = shared_memory.SharedMemory(create=True, size=16 * LARGE_BYTES)
    yield memory
    memory.close()
    memory.unlink()


def test_shared_pages_leave_this_process_but_keep_their_content(shared):
    before = resident_shared_bytes()
    np.frombuffer(shared.buf, np.uint8)[:] = 7
    assert resident_shared_bytes() - before >= 15 * LARGE_BYTES
    record = record_over(shared.buf)
    StorePages().let_go_of(record)
    assert resident_shared_bytes() - before <= LARGE_BYTES
    assert bytes(record["values"].data) == bytes([7]) * shared.size
    record["values"].data.release()


def test_private_memory_is_left_alone():
    private = bytearray(b"x") * (4 * LARGE_BYTES)
    record = record_over(private)
    StorePages().let_go_of(record)
    assert private.count(b"x") == len(private)


def test_a_mapping_that_appears_later_is_found():
    pages = StorePages()
    record = record_over(bytearray(LARGE_BYTES))
    pages.let_go_of(record)
    with mmap.mmap(-1, 4 * LARGE_BYTES, flags=mmap.MAP_SHARED | mmap.MAP_ANONYMOUS) as later:
        start = np.frombuffer(later, np.uint8).ctypes.data
        assert any(low <= start < high for low, high in shared_mappings())
        assert pages._is_shared(start, start + 4 * LARGE_BYTES)
