"""What engines ask of memory: counted in page faults and objects, in processes of their own."""

import subprocess
import sys

import pytest

PROGRAM = """
import ctypes, resource, sys
from fed.engines.machine import keep_freed_memory
if sys.argv[1] == "keep" and not keep_freed_memory():
    sys.exit(9)
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
bytearray(96 << 20)
before = faults()
for _ in range(10):
    bytearray(96 << 20)
print(faults() - before)
"""
PAGES = 10 * (96 << 20) // 4096


def faults(mode: str) -> int:
    done = subprocess.run([sys.executable, "-c", PROGRAM, mode], capture_output=True, text=True)
    if done.returncode == 9:
        pytest.skip("the C library is not glibc")
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_what_is_freed_is_taken_again_without_new_pages() -> None:
    assert faults("keep") < PAGES / 50


AT_THE_END = """
import atexit, gc
from fed.engines.machine import end_at_once
atexit.register(lambda: print(gc.get_freeze_count()))  # called after those registered later
end_at_once()
print(gc.get_freeze_count())
"""


def test_at_its_end_a_process_does_not_search_what_it_holds() -> None:
    done = subprocess.run([sys.executable, "-c", AT_THE_END], capture_output=True, text=True)
    before, at_the_end = map(int, done.stdout.split())
    assert before == 0
    assert at_the_end > 1000
