"""What the tests of the collections share."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fed.data.collections import files

Write = Callable[..., None]


@pytest.fixture
def sheet() -> Write:
    return files.sheet


@pytest.fixture
def picture() -> Write:
    return files.picture


@pytest.fixture
def nifti() -> Write:
    return files.nifti


@pytest.fixture
def npz() -> Write:
    return files.npz


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
