"""Pairs of phantom eyes a second on one core, against reading the same pairs from PNG files.

``python -m benchmarks.phantom`` prints one line a size and `data.version`. The rival is what a
cache of drawn eyes on disk would cost: Pillow decoding the photograph and the B-scans, tiled into
one image, from memory.
"""

import io
import itertools
import time
from collections.abc import Callable

import numpy as np
from PIL import Image

from fed.config import resolve
from fed.data.clinic_phantoms import ClinicSource
from fed.data.phantoms import PhantomSource

SIZES = ((64, (16, 32, 32)), (128, (16, 64, 64)), (256, (1, 256, 256)))
CASES, REPEATS = 60, 7
VERSIONS: dict[int, type[PhantomSource]] = {1: PhantomSource, 2: ClinicSource}


def main() -> None:
    """Print the table."""
    print("version  fundus  volume        drawn/s  PNG/s")
    for version, (image_size, volume_size) in itertools.product(VERSIONS, SIZES):
        images = _source(version, image_size, volume_size).open("clinic").images
        files = [(_png(images.fundus(i)), _png(images.oct(i))) for i in range(CASES)]
        drawn = _rate(lambda i, images=images: (images.fundus(i), images.oct(i)))
        read = _rate(lambda i, files=files: [np.asarray(Image.open(f)) for f in files[i]])
        volume = "x".join(map(str, volume_size))
        print(f"{version:7d}  {image_size:6d}  {volume:12s}  {drawn:7.0f}  {read:5.0f}")


def _source(version: int, image_size: int, volume_size: tuple[int, int, int]) -> PhantomSource:
    site = {"modalities": ["fundus", "oct"], "cases": CASES}
    return VERSIONS[version](
        resolve(
            {
                "task": {"classes": ["none", "early", "intermediate", "late"]},
                "data": {
                    "version": version,
                    "image_size": image_size,
                    "volume_size": volume_size,
                },
                "sites": [
                    {"name": "clinic"} | site,
                    {"name": "unseen", "role": "held_out"} | site,
                ],
            }
        )
    )


def _png(pixels: np.ndarray) -> io.BytesIO:
    """Compress channels or slices, one below the other."""
    file = io.BytesIO()
    Image.fromarray(pixels.reshape(-1, pixels.shape[2])).save(file, format="PNG")
    return file


def _rate(make: Callable[[int], object]) -> float:
    """Return cases a second of processor time: the best of several passes over all cases."""
    seconds = []
    for _ in range(REPEATS):
        start = time.process_time()
        for index in range(CASES):
            make(index)
        seconds.append(time.process_time() - start)
    return CASES / min(seconds)


if __name__ == "__main__":
    main()
