"""Files of every format that is read, damaged at random: refused in one line, soon, in little memory.

A thousand of them, and files that were made to do harm, are in tests/fuzz/images.py.
"""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from fed.data.reading import Decoder
from fed.errors import DataError
from tests.fuzz.images import LARGE, WHOLE, whole

SECONDS, MIB = 10, 2048
"""What one file may take."""

place = st.one_of(st.integers(0, 400), st.integers(0, 100_000))  # mostly in the header
change = st.tuples(place, st.one_of(st.binary(min_size=1, max_size=4), st.sampled_from(LARGE)))
damage = st.tuples(
    st.sampled_from(sorted(WHOLE)),
    st.lists(change, max_size=6),
    st.one_of(st.none(), st.integers(0, 3000)),
)


def damaged(name: str, changes: Sequence[tuple[int, bytes]], end: int | None) -> bytes:
    content = bytearray(whole(name))
    for at, new in changes:
        at %= len(content)
        content[at : at + len(new)] = new
    return bytes(content[:end])


def read_all(folder: Path, name: str, content: bytes) -> None:
    """Read a file as a photograph and as a scan, in time."""
    path = folder / name
    path.write_bytes(content)
    decoder = Decoder(16, (2, 16, 16))
    for modality in ("fundus", "oct"):
        started = time.monotonic()
        trouble = ""
        try:
            decoder.examine(modality, path)
        except DataError as error:
            trouble = str(error)
        assert not trouble or name in trouble
        assert "\n" not in trouble
        assert time.monotonic() - started < SECONDS


@given(damage)
@settings(max_examples=150, deadline=None, derandomize=True,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
def test_a_damaged_file_is_read_or_refused_in_one_line(tmp_path: Path, damage) -> None:
    read_all(tmp_path, damage[0], damaged(*damage))


@pytest.mark.parametrize("name", [name for name in WHOLE if not name.endswith(".xml")])
def test_the_files_that_are_damaged_are_good_ones(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(whole(name))
    modality = "fundus" if "colour" in name or "jpg" in name else "oct"
    assert Decoder(16, (2, 16, 16)).read(modality, tmp_path / name).any()


def largest(folder: Path) -> list[tuple[str, Path]]:
    """The largest images that are read, in few bytes where their format packs them."""
    wide = np.zeros((5592, 12_000), np.uint8)
    Image.fromarray(wide).convert("RGB").save(folder / "eye.png")
    Image.fromarray(np.full((8192, 8192), 128, np.uint8)).convert("RGB").save(folder / "eye.jpg")
    volume = np.zeros((1024, 512, 1024), np.uint8)
    np.savez_compressed(folder / "scan.npz", volume)
    np.savez_compressed(folder / "deep.npz", np.zeros((512, 512, 1024), np.uint16))
    np.savez_compressed(folder / "real.npz", np.zeros((512, 512, 512), np.float32))
    return [("fundus", folder / "eye.png"), ("fundus", folder / "eye.jpg"),
            *(("oct", folder / f"{name}.npz") for name in ("scan", "deep", "real"))]  # fmt: skip


@pytest.mark.slow
def test_the_largest_images_take_less_memory_and_time_than_is_allowed(tmp_path: Path) -> None:
    for modality, path in largest(tmp_path):
        command = (
            "import resource, sys, time; from pathlib import Path\n"
            "from fed.data.reading import Decoder\n"
            "started = time.monotonic()\n"
            f"Decoder(384, (32, 96, 96)).examine({modality!r}, Path({str(path)!r}))\n"
            "print(time.monotonic() - started, "
            "resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
        )
        done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
        seconds, peak = map(float, done.stdout.split())
        print(path.name, seconds, peak)
        assert seconds < SECONDS
        assert peak < MIB
