"""Samples of the data: fundus photographs and central B-scans."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fed.report.style import inline_image


@dataclass(frozen=True)
class Sample:
    """One eye to show.

    Attributes
    ----------
    site, group, grade_name : str
    fundus : array (3, H, W) or None
        Colour fundus photograph, 8 bit.
    oct : array (S, D, W) or None
        OCT volume, 8 bit.
    """

    site: str
    group: str
    grade_name: str
    fundus: NDArray[np.uint8] | None
    oct: NDArray[np.uint8] | None


@dataclass(frozen=True)
class Picture:
    """A sample as the page shows it: data URIs, or None where the eye has no such picture."""

    grade: str
    fundus: str | None
    oct: str | None


def gallery(samples: Sequence[Sample]) -> dict[str, list[Picture]]:
    """Return the pictures by site, in the order given."""
    by_site: dict[str, list[Picture]] = {}
    for sample in samples:
        by_site.setdefault(sample.site, []).append(
            Picture(
                grade=sample.grade_name,
                fundus=None
                if sample.fundus is None
                else inline_image(np.moveaxis(sample.fundus, 0, -1)),
                oct=None if sample.oct is None else inline_image(central_scan(sample.oct)),
            )
        )
    return by_site


def central_scan(volume: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the B-scan (D, W) in the middle of an OCT volume (S, D, W)."""
    return volume[len(volume) // 2]
