"""What goes out with a request for scores."""

import numpy as np

from fed.prototypes import Prototypes
from model.parts import used_modules
from server.requests import _offered

POINT, COUNT = np.zeros((1, 2), np.float32), np.ones(1, np.float32)
BANK = {m: Prototypes(np.zeros(1, np.int64), POINT, POINT, COUNT) for m in ("fundus", "oct")}


def test_a_site_is_offered_the_prototypes_of_its_modalities_also_where_no_encoder_is_sent():
    assert set(_offered(BANK, used_modules(["heads"], ["fundus"]))) == {"fundus"}
    assert set(_offered(BANK, used_modules(["fusion"], ["fundus", "oct"]))) == {"fundus", "oct"}
    assert not _offered({}, used_modules(["heads"], ["oct"]))
