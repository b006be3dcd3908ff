"""Ends what Ray has started together with the program that started it, however that ends.

Ray's own processes notice when the program is killed, but its two agents first report that to a server
that is gone as well, and give up after a minute. This file is run as a process of its own, which
waits at a pipe that closes with the program.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

import psutil


def descendants() -> set[int]:
    """Return the processes that this one has started, and those that these have."""
    return {child.pid for child in psutil.Process().children(recursive=True)}


@contextmanager
def watched() -> Iterator[IO[str]]:
    """Watch over this process; yield the file to write the processes to, which end with it."""
    command = [sys.executable, "-P", __file__]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,  # Ctrl-C is not for it
    ) as watcher:
        assert watcher.stdin is not None
        yield watcher.stdin


def main() -> None:
    """Kill the processes that the first line names once there are no more lines."""
    family = []
    for pid in sys.stdin.readline().split():
        with suppress(psutil.NoSuchProcess):
            family.append(psutil.Process(int(pid)))
    sys.stdin.read()
    for process in family:
        with suppress(psutil.NoSuchProcess):  # it is none that has its number by now
            process.kill()


if __name__ == "__main__":
    main()
