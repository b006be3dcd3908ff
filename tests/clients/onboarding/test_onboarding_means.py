import numpy as np
import pytest

from clients.onboarding.means import mean_shift
from fed.prototypes import Prototypes

BANK = Prototypes(
    np.array([0, 0, 1]),
    np.array([[0.0, 0.0], [4.0, 0.0], [10.0, 2.0]], dtype=np.float32),
    np.ones((3, 2), dtype=np.float32),
    np.array([3, 1, 8], dtype=np.float32),
)
CENTRES = np.array([[1.0, 0.0], [10.0, 2.0]])
"""Of the classes: a prototype counts by its cases."""


@pytest.mark.parametrize("number", [20, 200])
def test_an_offset_of_the_devices_is_undone_up_to_the_shrinkage(number):
    labels = np.array([0] * (number * 3 // 4) + [1] * (number // 4))
    offset = np.array([5.0, -3.0])
    found = mean_shift(CENTRES[labels] + offset, BANK, np.array([0.75, 0.25]))
    np.testing.assert_allclose(found, -offset * number / (number + 20))


def test_a_hospital_of_ill_patients_is_not_moved_to_look_healthy():
    found = mean_shift(CENTRES[np.ones(50, dtype=int)], BANK, np.array([0.0, 1.0]))
    np.testing.assert_allclose(found, 0.0, atol=1e-12)


def test_an_empty_archive_moves_nothing():
    np.testing.assert_array_equal(mean_shift(np.zeros((0, 2)), BANK, np.full(2, 0.5)), 0.0)
