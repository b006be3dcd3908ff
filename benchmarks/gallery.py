"""Draw ``docs/figures/phantom.png``: ``python -m benchmarks.gallery [FILE]``.

A row a site: the average device, a training site, two held-out ones. A column a grade: photograph
of an eye, B-scan through its fovea and one above it.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from fed.data.phantom import draw_eye, draw_pair, draw_style
from fed.sites import Role

SIZE, VOLUME = 160, (9, 80, 160)
SLICES = (4, 2)
GRADES = 4
ROWS: tuple[tuple[Role, float], ...] = (
    ("train", 0.0),
    ("train", 1.0),
    ("held_out", 1.0),
    ("held_out", 1.0),
)


def sheet() -> Image.Image:
    """Return the contact sheet."""
    rows = []
    for site, (role, strength) in enumerate(ROWS):
        style = draw_style(strength, role, np.random.default_rng(site))
        cells = []
        for grade in range(GRADES):
            random = np.random.default_rng(100 + 10 * site + grade)
            pair = draw_pair(draw_eye(grade, GRADES, random), style, SIZE, VOLUME, random)
            cells.append(_cell(*pair))
        rows.append(np.concatenate(cells, axis=1))
    return Image.fromarray(np.concatenate(rows, axis=0))


def _cell(fundus: np.ndarray, volume: np.ndarray) -> np.ndarray:
    scans = np.concatenate([volume[s] for s in SLICES], axis=0)
    return np.concatenate([fundus.transpose(1, 2, 0), np.stack([scans] * 3, axis=-1)], axis=1)


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/figures/phantom.png")
    target.parent.mkdir(parents=True, exist_ok=True)
    sheet().quantize(192).save(target, optimize=True)
