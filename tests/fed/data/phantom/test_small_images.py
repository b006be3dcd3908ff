import pytest

from fed.config import resolve
from fed.data.phantoms import PhantomSource


@pytest.mark.parametrize("size", [16, 32, 48])
def test_the_smallest_photographs_are_drawn(size):
    config = resolve(
        {
            "data": {"image_size": size, "volume_size": [1, 16, 16]},
            "sites": [
                {"name": "a", "modalities": ["fundus", "oct"], "cases": 8},
                {"name": "b", "modalities": ["fundus"], "role": "held_out", "cases": 8},
            ],
        }
    )
    cases = PhantomSource(config).open("a")
    assert cases.images.fundus(0).shape == (3, size, size)
    assert cases.images.oct(0).shape == (1, 16, 16)
