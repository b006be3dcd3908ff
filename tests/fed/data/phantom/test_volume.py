"""Pockets of fluid lie between two surfaces, vessels within reach, and speckle leaves the mean."""

import numpy as np

from fed.data.phantom.findings import Cysts
from fed.data.phantom.raster import axis
from fed.data.phantom.vessels import grow
from fed.data.phantom.volume import depths, hollow, speckle, within

SLICES, DEPTH, WIDTH = 5, 40, 50
X, Y = axis(WIDTH, 0.45), axis(SLICES, 0.45)
INNER, OUTER = (np.full((SLICES, WIDTH), at, dtype=np.float32) for at in (0.25, 0.75))


def cysts(*values: float) -> Cysts:
    return Cysts(*(np.array([value], dtype=np.float32) for value in values))


def test_a_pocket_is_dark_in_its_middle_and_nowhere_above_the_inner_surface() -> None:
    volume = np.ones((SLICES, DEPTH, WIDTH), dtype=np.float32)
    hollow(volume, cysts(0.0, 0.0, 0.5, 0.08, 0.2), INNER, OUTER, X, Y, 0.05)
    assert volume[2, DEPTH // 2, WIDTH // 2] < 0.1
    above = depths(DEPTH).ravel() < 0.25
    assert (volume[:, above] == 1).all()
    assert volume[2, DEPTH // 2, 0] == 1


def test_an_eye_without_pockets_stays_as_it_is() -> None:
    volume = np.ones((SLICES, DEPTH, WIDTH), dtype=np.float32)
    none = Cysts(*(np.zeros(0, dtype=np.float32),) * 5)
    hollow(volume, none, INNER, OUTER, X, Y, 0.05)
    assert (volume == 1).all()


def test_no_vessel_beyond_reach() -> None:
    tree = grow(0.62 + 0.02j, 1.0, np.random.default_rng(0))
    points = within(tree, X, 0.5)
    assert points.x.size
    assert np.abs(points.x).max() < 0.5
    assert np.abs(points.y).max() < 0.5


def test_speckle_varies_by_its_deviation_around_what_was_there() -> None:
    volume = np.full((8, 64, 64), 0.5, dtype=np.float32)
    speckle(volume, 0.2, np.random.default_rng(0))
    assert np.isclose(volume.mean(), 0.5, atol=0.01)
    assert np.isclose(volume.std(), 0.2 * 0.62, rtol=0.05)
