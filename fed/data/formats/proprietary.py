"""Heidelberg ``.e2e`` and Topcon ``.fda`` through eyepy (MIT), which is optional.

Untried: no file of either could be had where this was written. Only what eyepy promises is used.
"""

from pathlib import Path
from typing import Any

import numpy as np

from fed.data.formats.stored import Eye, Stored, side
from fed.data.limits import allow_picture, reading
from fed.errors import DataError

READERS = {".e2e": "import_heyex_e2e", ".fda": "import_topcon_fda"}
SUFFIXES = tuple(READERS)


def read(path: Path) -> Stored:
    """Return the B-scans ``(slices, depth, width)`` of the only volume in a file.

    Raises
    ------
    DataError
        Naming the file and what is wrong; also where eyepy is not installed.
    """
    try:
        import eyepy
    except ImportError:
        raise DataError(
            f"{path}: {path.suffix} is read by eyepy: pip install 'fedrima[oct]'; or convert it "
            "to .npy (slices, depth, width), or export it as DICOM"
        ) from None
    with reading(path):
        volume: Any = getattr(eyepy, READERS[path.suffix.lower()])(path)
        scans = np.asarray(volume.data)
        if scans.ndim != 3:
            raise DataError(f"{path}: damaged or truncated (eyepy finds no volume in it)")
        slices, depth, width = scans.shape
        allow_picture(path, width, depth, slices, scans.itemsize)
        laterality = side(getattr(volume, "laterality", None))
    return Stored(scans, None, Eye(laterality))
