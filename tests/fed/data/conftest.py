import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fed.config import Config, resolve

ROOT = Path(__file__).parents[3]

SITES: tuple[Mapping[str, Any], ...] = (
    {"name": "clinic", "modalities": ["fundus", "oct"], "cases": 0.5},
    {"name": "unseen", "role": "held_out", "modalities": ["fundus", "oct"], "cases": 0.5},
)


@pytest.fixture
def real_eyes() -> Path:
    """The manifest of the real eyes, where it is at hand."""
    return shared_manifest("real-eyes")


@pytest.fixture
def real_federation() -> Path:
    """The manifest of the real federation, where it is at hand."""
    return shared_manifest("real-federation")


def shared_manifest(name: str) -> Path:
    shared = Path(os.environ.get("FEDRIMA_SHARED", ROOT.parent / "shared"))
    path = shared / "data" / name / "manifest.csv"
    if not path.is_file():
        pytest.skip(f"needs {path}")
    return path


@pytest.fixture
def configuration(tmp_path: Path) -> Callable[..., Config]:
    """Build the configuration of a federation on `tmp_path`'s manifest."""

    def build(
        sites: Sequence[Mapping[str, Any]] = SITES,
        classes: Sequence[str] = ("none", "some"),
        seed: int = 0,
        method: str = "fedrima",
        **data: Any,
    ) -> Config:
        return resolve(
            {
                "seed": seed,
                "task": {"classes": list(classes)},
                "sites": list(sites),
                "method": method,
                "data": {
                    "source": "manifest",
                    "path": str(tmp_path / "manifest.csv"),
                    "label": "grade",
                    "image_size": 16,
                    "volume_size": [1, 16, 16],
                    **data,
                },
            }
        )

    return build


@pytest.fixture
def manifest(tmp_path: Path) -> Callable[..., Path]:
    """Write a manifest from lines, with a picture for every path named in it."""

    def write(*lines: str, images: bool = True) -> Path:
        path = tmp_path / "manifest.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        names = {cell for line in lines for cell in line.split(",") if cell.endswith(".png")}
        for number, name in enumerate(sorted(names) if images else ()):
            Image.fromarray(np.full((20, 20), 40 + number, np.uint8)).save(tmp_path / name)
        return path

    return write


@pytest.fixture
def pairs(manifest: Callable[..., Path]) -> Callable[..., Path]:
    """Write a manifest of patients with both images, of two grades in turn."""

    def write(patients: int) -> Path:
        rows = [f"e{i:02},{i}f.png,{i}o.png,{i % 2}" for i in range(patients)]
        return manifest("case_id,fundus,oct,grade", *rows)

    return write
