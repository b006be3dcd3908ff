"""The findings of an eye as a perfect reader of perfect images would note them, by modality.

Numbers a grading form asks for: sizes, counts, areas, thickness. Nothing of camera or scanner, and
nothing that the modality cannot show.
"""

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

PHOTOGRAPH = (
    "drusen",
    "largest druse",
    "drusen area",
    "pigment clumps",
    "pale area",
    "membrane area",
    "blood area",
    "aneurysms",
    "haemorrhages",
    "exudates",
    "exudates within 1 mm",
    "cotton wool",
    "preretinal blood",
)
VOLUME = (
    "central subfield",
    "inner ring, thickest",
    "inner ring, thinnest",
    "outer ring, thickest",
    "drusen",
    "widest elevation",
    "highest elevation",
    "cysts",
    "fluid",
    "detachment",
    "hypertransmission area",
    "hypertransmission width",
    "photoreceptors lost",
)


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
