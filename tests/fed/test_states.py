from io import BytesIO

import numpy as np
import pytest

from fed.states import view


def test_what_numpy_would_unpickle_is_refused():
    file = BytesIO()
    np.save(file, np.array([{}]), allow_pickle=True)
    with pytest.raises(ValueError, match="Python objects"):
        view(file.getvalue())


def test_another_format_of_numpy_is_refused():
    file = BytesIO()
    np.lib.format.write_array(file, np.ones(3), version=(2, 0))
    with pytest.raises(ValueError, match="expected \\(1, 0\\)"):
        view(file.getvalue())


@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_of_one_shape_keep_their_own_numbers(order) -> None:
    first = np.array([[1.0, 2.0], [3.0, 4.0]], order=order)
    for values in (first, first + 1):
        file = BytesIO()
        np.save(file, values)
        np.testing.assert_array_equal(view(file.getvalue()), values)


def test_a_header_that_is_cut_short_is_refused() -> None:
    file = BytesIO()
    np.save(file, np.ones(3))
    with pytest.raises(ValueError, match="array header"):
        view(file.getvalue()[:20])
