"""The findings of an eye as a perfect reader of perfect images would note them, by modality.

Numbers a grading form asks for: sizes, counts, areas, thickness. Nothing of camera or scanner, and
nothing that the modality cannot show.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fed.data.phantom.clinic.eye import Eye
from fed.data.phantom.clinic.literature import MICROMETRES
from fed.data.phantom.clinic.retina import ELLIPSOID, Retina, atrophy_over, central_subfield
from fed.data.phantom.raster import Array, Spots, axis

_AXIS = axis(64, 0.45)
_CELL = (2 * 3.0 / 64) ** 2
"""Area of a point of the grid, square millimetres."""
_GRID = Retina(_AXIS, _AXIS)
_DISTANCE = np.sqrt(_AXIS[:, None] ** 2 + _AXIS**2) * MICROMETRES / 1000


class Error(NamedTuple):
    """How a reader errs in a finding.

    Attributes
    ----------
    missed : float
        Probability that what is there is not seen.
    invented : float
        Probability that something is seen that is not there.
    like : float
        Size of what is invented, at most.
    spread : float
        Standard deviation of the logarithm of what is measured.
    """

    missed: float
    invented: float
    like: float
    spread: float


PHOTOGRAPH = {
    "drusen": Error(0.05, 0.10, 5, 0.40),
    "largest druse": Error(0.05, 0.10, 110, 0.20),
    "drusen area": Error(0.05, 0.10, 0.1, 0.50),
    "pigment clumps": Error(0.25, 0.08, 2, 0.30),
    "pale area": Error(0.10, 0.05, 1.0, 0.30),
    "membrane area": Error(0.10, 0.02, 4.0, 0.30),
    "blood area": Error(0.05, 0.02, 1.0, 0.20),
    "aneurysms": Error(0.15, 0.10, 3, 0.30),
    "haemorrhages": Error(0.05, 0.05, 4, 0.25),
    "exudates": Error(0.10, 0.05, 5, 0.25),
    "exudates within 1 mm": Error(0.10, 0.05, 4, 0.25),
    "cotton wool": Error(0.20, 0.03, 2, 0.20),
    "preretinal blood": Error(0.05, 0.01, 1, 0.0),
}
"""What is noted of a photograph, and how readers err in it (docs/phantom.md)."""

VOLUME = {
    "central subfield": Error(0.0, 0.0, 0, 0.02),
    "inner ring, thickest": Error(0.0, 0.0, 0, 0.02),
    "inner ring, thinnest": Error(0.0, 0.0, 0, 0.02),
    "outer ring, thickest": Error(0.0, 0.0, 0, 0.02),
    "drusen": Error(0.05, 0.10, 5, 0.40),
    "widest elevation": Error(0.05, 0.10, 110, 0.20),
    "highest elevation": Error(0.05, 0.10, 50, 0.20),
    "cysts": Error(0.12, 0.06, 3, 0.30),
    "fluid": Error(0.07, 0.04, 60, 0.20),
    "detachment": Error(0.08, 0.05, 120, 0.20),
    "hypertransmission area": Error(0.10, 0.08, 0.3, 0.30),
    "hypertransmission width": Error(0.10, 0.08, 250, 0.25),
    "photoreceptors lost": Error(0.10, 0.08, 0.3, 0.30),
}
"""What is noted of a volume, and how readers err in it."""


def read_photograph(eye: Eye) -> NDArray[np.float64]:
    """Return the findings `PHOTOGRAPH` of an eye: diameters in micrometres, areas in mm2."""
    found = eye.lesions
    pale = atrophy_over(found.atrophy, _AXIS, _AXIS) + atrophy_over(
        found.depigmentation, _AXIS, _AXIS
    )
    lipid = np.hypot(found.exudates.x, found.exudates.y) * MICROMETRES
    drusen = _diameters(found.drusen)
    return np.array(
        [
            drusen.size,
            drusen.max(initial=0),
            np.pi / 4e6 * (drusen**2).sum(),
            found.pigment.x.size,
            _CELL * np.minimum(pale, 1).sum(),
            np.pi / 4e6 * (_diameters(found.membrane) ** 2).sum(),
            np.pi / 4e6 * (_diameters(found.blood) ** 2).sum(),
            found.aneurysms.x.size,
            found.haemorrhages.x.size,
            found.exudates.x.size,
            (lipid < 1000).sum(),
            found.cotton_wool.x.size,
            found.preretinal.x.size,
        ],
        dtype=np.float64,
    )


def read_volume(eye: Eye) -> NDArray[np.float64]:
    """Return the findings `VOLUME` of an eye, lengths in micrometres, areas in mm2."""
    found = eye.lesions
    atrophy = _GRID.atrophy_of(eye)
    thickness, _ = _GRID.layers(eye, atrophy)
    retina = thickness.sum(axis=0)
    inner = retina[(_DISTANCE > 0.5) & (_DISTANCE <= 1.5)]
    outer = retina[(_DISTANCE > 1.5) & (_DISTANCE <= 3.0)]
    elevation = _diameters(found.drusen)
    within = np.hypot(found.drusen.x, found.drusen.y) * MICROMETRES < 3000
    return np.array(
        [
            central_subfield(eye),
            inner.max(),
            inner.min(),
            outer.max(),
            within.sum(),
            elevation[within].max(initial=0),
            found.drusen.weight[within].max(initial=0),
            found.cysts.x.size,
            found.fluid.weight.max(initial=0),
            found.detachment.weight.max(initial=0),
            _CELL * atrophy.sum(),
            _widest(found.atrophy, atrophy),
            _CELL * (thickness[ELLIPSOID] < 8).sum(),
        ],
        dtype=np.float64,
    )


def _diameters(spots: Spots) -> Array:
    return 2.355 * MICROMETRES * spots.radius


def _widest(spots: Spots, atrophy: Array) -> float:
    """Return the widest atrophy in any B-scan; that of a spot narrower than the grid's step."""
    if not spots.x.size:
        return 0.0
    row = float((atrophy > 0.5).sum(axis=1).max()) * 6000 / 64
    return max(row, float(_diameters(spots).max()) if spots.x.size == 1 else row)


def as_read(
    findings: NDArray[np.float64], errors: Mapping[str, Error], random: np.random.Generator
) -> NDArray[np.float64]:
    """Return findings ``(eyes, n)`` as a reader would note them.

    Parameters
    ----------
    errors : mapping
        `PHOTOGRAPH` or `VOLUME`; each finding's errors are independent of all others'.
    """
    missed, invented, like, spread = np.array(list(errors.values())).T
    there = findings > 0
    seen = there & (random.random(findings.shape) >= missed)
    false = ~there & (random.random(findings.shape) < invented)
    measured = findings * np.exp(spread * random.standard_normal(findings.shape))
    made_up = like * (0.3 + 0.7 * random.random(findings.shape))
    noted: NDArray[np.float64] = np.where(seen, measured, np.where(false, made_up, 0.0))
    return noted
