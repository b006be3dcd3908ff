"""What covers what in a photograph."""

import numpy as np

from fed.data.phantom.painting import Painter, blend, colour
from fed.data.phantom.raster import Spots, axis

RED, BLUE = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)


def spots(*centres: tuple[float, float]) -> Spots:
    x, y = np.array(centres, dtype=np.float32).reshape(-1, 2).T
    return Spots(x, y, np.full_like(x, 0.1), np.ones_like(x))


def test_half_a_cover_is_halfway_between_the_colours() -> None:
    image = np.tile(colour(RED), (1, 4, 4))
    blend(image, np.full((4, 4), 0.5, dtype=np.float32), BLUE)
    assert np.allclose(image, colour((0.5, 0.0, 0.5)))


def test_a_spot_is_painted_where_it_lies_and_up_to_its_opacity() -> None:
    image = np.zeros((3, 33, 33), dtype=np.float32)
    Painter(axis(33), RED, BLUE).spots(image, spots((0.5, -0.5)), 5.0, 0.6, BLUE)
    assert np.allclose(image[2, 8:10, 23:25], 0.6)
    assert image[2, -1, 0] < 1e-6
    assert not image[:2].any()


def test_no_spot_leaves_the_image_as_it_is() -> None:
    image = np.ones((3, 8, 8), dtype=np.float32)
    Painter(axis(8), RED, BLUE).spots(image, spots(), 1.0, 1.0, BLUE)
    assert (image == 1).all()
