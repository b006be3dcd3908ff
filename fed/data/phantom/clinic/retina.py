"""The retina as a stack of layers, in micrometres, over any grid of places."""

from dataclasses import replace

import numpy as np

from fed.data.phantom.clinic.eye import NOTHING, Eye
from fed.data.phantom.clinic.literature import LAYERS, MICROMETRES
from fed.data.phantom.raster import Array, Spots, gaussians, threshold

(
    FIBRES,
    _GANGLION,
    _NUCLEAR,
    _PLEXIFORM,
    _OUTER,
    ELLIPSOID,
    _SEGMENTS,
    _FLUID,
    EPITHELIUM,
    _DRUSEN,
    _DETACHMENT,
) = range(len(LAYERS))

_PIT = 450.0
"""Width of the foveal pit, so that means over rings are those of `LAYERS`; micrometres."""
_IN_CENTRE = 0.746
"""Mean of the pit's Gaussian within 0.5 mm."""
_NORMAL_CENTRE = sum(layer[0] for layer in LAYERS.values())
_SWELLS = {_NUCLEAR: 0.3, _PLEXIFORM: 0.2, _OUTER: 0.5}
_LOST = {_OUTER: 0.75, ELLIPSOID: 1.0, _SEGMENTS: 1.0, EPITHELIUM: 0.9}
"""Share of a layer that is gone where the pigment epithelium is."""


class Retina:
    """The layers over a grid.

    Parameters
    ----------
    x, y : Array
        Columns ``(w,)`` and rows ``(h,)``, in radii of the photograph.
    """

    def __init__(self, x: Array, y: Array) -> None:
        self._x, self._y = x, y
        from_fovea = np.sqrt(x[None, :] ** 2 + y[:, None] ** 2) * MICROMETRES
        table = np.array(list(LAYERS.values()), dtype=np.float32)
        centre, inner, outer = table[:, :3].T[:, :, None, None]
        outwards = np.clip((from_fovea - 1000) / 1250, 0, 1.4)
        pit = np.exp(from_fovea**2 / (-2 * _PIT**2)) / _IN_CENTRE
        self._flat = inner + (outer - inner) * outwards
        self._flat = np.maximum(self._flat + (centre - inner) * pit, 0).astype(np.float32)
        self._nasal = (0.35 * x / 0.45)[None, :].astype(np.float32)
        self._bright = table[:, 3][:, None, None]

    def layers(self, eye: Eye, atrophy: Array) -> tuple[Array, Array]:
        """Return thickness and reflectivity of the layers: ``(layers, h, w)`` both.

        Parameters
        ----------
        atrophy : Array
            Where the pigment epithelium is gone, of `atrophy_of`: ``(h, w)``.
        """
        found = eye.lesions
        thickness = self._flat * np.float32(eye.centre / _NORMAL_CENTRE)
        thickness[FIBRES] *= 1 + eye.side * self._nasal
        sunk = np.minimum(self._sum(found.atrophy), 1) if found.atrophy.x.size else atrophy
        for layer, share in _LOST.items():
            thickness[layer] *= 1 - share * (atrophy if layer == EPITHELIUM else sunk)
        drusen = self._sum(found.drusen) * (1 - atrophy)
        thickness[_DRUSEN] = drusen
        thickness[_FLUID] = self._dome(found.fluid)
        thickness[_DETACHMENT] = self._dome(found.detachment)
        thickness[_OUTER] = np.maximum(thickness[_OUTER] - 0.5 * drusen, 15)
        if found.swelling.x.size:
            swelling = _gain(eye) * self._sum(found.swelling)
            for layer, share in _SWELLS.items():
                thickness[layer] += share * swelling
        bright = np.repeat(np.repeat(self._bright, len(self._y), 1), len(self._x), 2)
        bright[ELLIPSOID] *= np.clip(1 - drusen / 60, 0.15, 1) * (1 - 0.8 * atrophy)
        bright[EPITHELIUM] *= 1 - 0.6 * atrophy
        return thickness, bright

    def atrophy_of(self, eye: Eye) -> Array:
        """Return where pigment epithelium and photoreceptors are gone, 0 to 1: ``(h, w)``."""
        return atrophy_over(eye.lesions.atrophy, self._x, self._y)

    def _sum(self, spots: Spots) -> Array:
        return gaussians(spots, self._x, self._y)

    def _dome(self, spots: Spots) -> Array:
        """Return a blister with an edge: the part of the sum above a fifth of its greatest weight."""
        if not spots.x.size:
            return np.zeros((len(self._y), len(self._x)), dtype=np.float32)
        foot = 0.2 * spots.weight.max()
        return np.maximum(self._sum(spots) - foot, 0) / 0.8


def atrophy_over(spots: Spots, x: Array, y: Array) -> Array:
    """Return where the sum of `spots` passes 1/2: sharp borders, the same in both modalities."""
    if not spots.x.size:
        return np.zeros((len(y), len(x)), dtype=np.float32)
    return threshold(gaussians(spots, x, y), 0.5, 0.12)


_STEPS = np.linspace(-0.46, 0.46, 9, dtype=np.float32) * np.float32(1000 / MICROMETRES)
_CENTRE_GRID = Retina(_STEPS, _STEPS)
_WITHIN = _STEPS[:, None] ** 2 + _STEPS**2 <= (500 / MICROMETRES) ** 2


def central_subfield(eye: Eye) -> float:
    """Return the mean thickness within 0.5 mm of the fovea, inner surface to Bruch's membrane."""
    thickness, _ = _CENTRE_GRID.layers(eye, _CENTRE_GRID.atrophy_of(eye))
    return float(thickness.sum(axis=0)[_WITHIN].mean())


def _gain(eye: Eye) -> float:
    """Return the height of a swelling that gives the central subfield the thickness it has to have.

    Where fluid under the retina makes it thicker than that already, nothing swells.
    """
    found = eye.lesions
    if found.thickness is None:
        return 1.0
    calm = replace(eye, lesions=replace(found, swelling=NOTHING, thickness=None))
    share = float(gaussians(found.swelling, _STEPS, _STEPS)[_WITHIN].mean())
    return max(found.thickness - central_subfield(calm), 0.0) / max(share, 0.1)
