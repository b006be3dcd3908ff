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
