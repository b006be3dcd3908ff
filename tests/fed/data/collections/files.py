"""Tiny files in the forms of the public collections."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import openpyxl
from PIL import Image


def sheet(path: Path, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Write a label sheet from its header and rows."""
    book = openpyxl.Workbook()
    for row in (header, *rows):
        book.active.append(list(row))
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)


def picture(path: Path, brightness: int, shape: tuple[int, int] = (20, 20)) -> None:
    """Write a grey picture of one brightness, its folder included."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full(shape, brightness, np.uint8)).save(path)


def nifti(path: Path, brightness: int) -> None:
    """Write a volume of 4 slices whose brightness rises by one from slice to slice."""
    path.parent.mkdir(parents=True, exist_ok=True)
    voxels = (
        np.full((4, 20, 24), brightness, np.uint8) + np.arange(4, dtype=np.uint8)[:, None, None]
    )
    nibabel.save(nibabel.Nifti1Image(voxels, np.eye(4)), path)


def npz(path: Path, brightness: int, **entries: Any) -> None:
    """Write a FairVision case; keyword arguments add to it or, as None, take away."""
    path.parent.mkdir(parents=True, exist_ok=True)
    slices = np.arange(4, dtype=np.uint8)[:, None, None]
    content: dict[str, Any] = {
        "slo_fundus": np.full((20, 20), brightness, np.uint8),
        "oct_bscans": np.full((4, 20, 20), brightness, np.uint8) + slices,
        "race": 1,
        "male": 0,
        "hispanic": 0,
        "maritalstatus": 4,
        "language": -1,
        **entries,
    }
    np.savez(path, **{name: value for name, value in content.items() if value is not None})


def one_hot(grade: int, classes: int) -> list[int]:
    """Return the cells of a class in a label sheet."""
    return [int(k == grade) for k in range(classes)]
