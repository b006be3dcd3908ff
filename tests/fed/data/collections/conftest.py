"""Tiny files in the forms of the public collections."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import openpyxl
import pytest
from PIL import Image


@pytest.fixture
def sheet() -> Callable[..., None]:
    """Write a label sheet from its header and rows."""

    def write(path: Path, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        book = openpyxl.Workbook()
        for row in (header, *rows):
            book.active.append(list(row))
        path.parent.mkdir(parents=True, exist_ok=True)
        book.save(path)

    return write


@pytest.fixture
def picture() -> Callable[[Path, int], None]:
    """Write a grey picture of one brightness, its folder included."""

    def write(path: Path, brightness: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((20, 20), brightness, np.uint8)).save(path)

    return write


@pytest.fixture
def nifti() -> Callable[[Path, int], None]:
    """Write a volume of 4 slices whose brightness rises by one from slice to slice."""

    def write(path: Path, brightness: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        voxels = (
            np.full((4, 20, 24), brightness, np.uint8) + np.arange(4, dtype=np.uint8)[:, None, None]
        )
        nibabel.save(nibabel.Nifti1Image(voxels, np.eye(4)), path)

    return write


@pytest.fixture
def npz() -> Callable[..., None]:
    """Write a FairVision case; keyword arguments add to it or, as None, take away."""

    def write(path: Path, brightness: int, **entries: Any) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        slices = np.arange(4, dtype=np.uint8)[:, None, None]
        content: Mapping[str, Any] = {
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

    return write


@pytest.fixture
def shuffled(monkeypatch: pytest.MonkeyPatch) -> None:
    """List folders in an order that is neither sorted nor that of creation."""

    def reordered(listing: Callable[..., Iterator[Path]]) -> Callable[..., Iterator[Path]]:
        def list_(path: Path, *pattern: str) -> Iterator[Path]:
            found = sorted(listing(path, *pattern), key=lambda entry: entry.name[::-1])
            return iter(found[1::2] + found[::2][::-1])

        return list_

    monkeypatch.setattr(Path, "iterdir", reordered(Path.iterdir))
    monkeypatch.setattr(Path, "glob", reordered(Path.glob))
