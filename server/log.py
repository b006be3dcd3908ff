"""The log of a run, in its folder and in what `flwr run --stream` shows."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def log_to(path: Path) -> Iterator[None]:
    """Send what our own modules log to standard output, and all but each request to a file."""
    in_file, shown = logging.FileHandler(path), logging.StreamHandler(sys.stdout)
    in_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    in_file.addFilter(lambda record: record.name != "httpx" or record.levelno > logging.INFO)
    shown.addFilter(lambda record: record.name.split(".")[0] in ("server", "fed"))
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.INFO)
    for handler in (in_file, shown):
        root.addHandler(handler)
    try:
        yield
    finally:
        root.setLevel(level)
        for handler in (in_file, shown):
            root.removeHandler(handler)
        in_file.close()
