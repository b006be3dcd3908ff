"""How the image files of real eyes become pixels: decoded anew each time, or prepared before."""

import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from fed.data.cases import Pixels
from fed.data.doubts import Doubt, doubts_of
from fed.data.images import Opened, open_fundus, resize_fundus
from fed.data.volumes import Axes, open_oct, resize_oct
from fed.errors import DataError, first_ten
from fed.sites import Modality


class ImageReader(Protocol):
    """Turns image files into pixels of the size the configuration asks for."""

    def read(self, modality: Modality, path: Path) -> NDArray[Any]:
        """Return fundus ``(3, height, width)``, OCT ``(slices, depth, width)`` or a feature."""
        ...

    def check(self, images: Sequence[tuple[Modality, Path]]) -> Sequence[Doubt]:
        """Return what is doubtful of images; raise a `DataError` that names the unreadable ones."""
        ...


class Preparable(ImageReader, Protocol):
    """A reader whose arrays are worth keeping."""

    def identity(self, modality: Modality) -> str:
        """Return what an array depends on beside its file."""
        ...

    def examine(self, modality: Modality, path: Path) -> tuple[NDArray[Any], tuple[Doubt, ...]]:
        """Return what `read` does, and what is doubtful of the image."""
        ...


@dataclass(frozen=True)
class Decoder:
    """Reads images from their own files, each time they are asked for.

    Attributes
    ----------
    image_size : int
        Height and width of fundus photographs.
    volume_size : tuple of int
        Slices, depth and width of OCT scans.
    oct_axes : tuple of {"slices", "depth", "width"}, optional
        What the axes of volumes in NIfTI files and arrays are, as `open_oct` takes it.
    """

    image_size: int
    volume_size: tuple[int, int, int]
    oct_axes: Axes | None = None

    def read(self, modality: Modality, path: Path) -> Pixels:
        """Return fundus ``(3, height, width)`` or OCT ``(slices, depth, width)``."""
        return self._resized(modality, path, self._opened(modality, path))

    def examine(self, modality: Modality, path: Path) -> tuple[Pixels, tuple[Doubt, ...]]:
        """Return what `read` does, and what is doubtful of the image."""
        opened = self._opened(modality, path)
        doubts = doubts_of(modality, path, opened.pixels, opened.guess)
        return self._resized(modality, path, opened), doubts

    def identity(self, modality: Modality) -> str:
        """Return what an array depends on beside its file: modality, size, and axes if said."""
        if modality == "fundus":
            return repr((modality, self.image_size))
        axes = () if self.oct_axes is None else (self.oct_axes,)
        return repr((modality, self.volume_size, *axes))

    def size(self, modality: Modality) -> int:
        """Return the bytes of a decoded image."""
        if modality == "fundus":
            return 3 * self.image_size**2
        return math.prod(self.volume_size)

    def check(self, images: Sequence[tuple[Modality, Path]]) -> Sequence[Doubt]:
        """Decode every image once; whatever would fail in training fails here."""
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            found = list(pool.map(self._look, images))
        refuse([trouble for trouble in found if isinstance(trouble, str)])
        return [doubt for doubts in found if not isinstance(doubts, str) for doubt in doubts]

    def _look(self, image: tuple[Modality, Path]) -> tuple[Doubt, ...] | str:
        """Return what is doubtful of an image, or why it cannot be read."""
        modality, path = image
        try:
            opened = self._opened(modality, path)
        except DataError as error:
            return str(error)
        return doubts_of(modality, path, opened.pixels, opened.guess)

    def _opened(self, modality: Modality, path: Path) -> Opened:
        return open_fundus(path) if modality == "fundus" else open_oct(path, self.oct_axes)

    def _resized(self, modality: Modality, path: Path, opened: Opened) -> Pixels:
        if modality == "fundus":
            return resize_fundus(opened.pixels, self.image_size)
        return resize_oct(opened.pixels, self.volume_size, path)


def refuse(troubles: Sequence[str]) -> None:
    """Raise one `DataError` for all bad files, naming the first ten; pass if there is none."""
    if troubles:
        count = "1 bad image file" if len(troubles) == 1 else f"{len(troubles)} bad image files"
        lines = [" ".join(trouble.split()) for trouble in troubles]  # names may have line breaks
        raise DataError(f"{count}: {first_ten(lines)}")
