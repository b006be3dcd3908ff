"""How the image files of real eyes become pixels: decoded anew each time, or prepared before."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from fed.data.cases import Pixels
from fed.data.images import load_fundus, read_fundus
from fed.data.volumes import load_oct, read_oct
from fed.errors import DataError, first_ten
from fed.sites import Modality


class ImageReader(Protocol):
    """Turns image files into pixels of the size the configuration asks for."""

    def read(self, modality: Modality, path: Path) -> NDArray[Any]:
        """Return fundus ``(3, height, width)``, OCT ``(slices, depth, width)`` or a feature."""
        ...

    def check(self, images: Sequence[tuple[Modality, Path]]) -> None:
        """Raise a `DataError` that names the images that cannot be read."""
        ...


class Preparable(ImageReader, Protocol):
    """A reader whose arrays are worth keeping."""

    def identity(self, modality: Modality) -> str:
        """Return what an array depends on beside its file."""
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
    """

    image_size: int
    volume_size: tuple[int, int, int]

    def read(self, modality: Modality, path: Path) -> Pixels:
        """Return fundus ``(3, height, width)`` or OCT ``(slices, depth, width)``."""
        if modality == "fundus":
            return read_fundus(path, self.image_size)
        return read_oct(path, self.volume_size)

    def identity(self, modality: Modality) -> str:
        """Return what an array depends on beside its file: modality and size."""
        return repr((modality, self.image_size if modality == "fundus" else self.volume_size))

    def check(self, images: Sequence[tuple[Modality, Path]]) -> None:
        """Decode every image once; whatever would fail in training fails here."""
        with ThreadPoolExecutor() as pool:
            refuse([trouble for trouble in pool.map(_trouble, images) if trouble])


def refuse(troubles: Sequence[str]) -> None:
    """Raise one `DataError` for all bad files, naming the first ten; pass if there is none."""
    if troubles:
        count = "1 bad image file" if len(troubles) == 1 else f"{len(troubles)} bad image files"
        raise DataError(f"{count}: {first_ten(troubles)}")


def _trouble(image: tuple[Modality, Path]) -> str | None:
    modality, path = image
    load: Callable[[Path], Pixels] = load_fundus if modality == "fundus" else load_oct
    try:
        load(path)
    except DataError as error:
        return str(error)
    return None
