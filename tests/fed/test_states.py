import numpy as np
import pytest
from flwr.app import Array, ArrayRecord

from fed.states import halved, pack_state, restored, unpack_state


@pytest.mark.parametrize(
    "value",
    [
        np.arange(6, dtype=np.float32).reshape(2, 3),
        np.arange(6, dtype=np.float64).reshape(2, 3).T,
        np.array(7),
        np.zeros((0, 4), np.float16),
    ],
)
def test_a_state_survives(value):
    record = pack_state({"a.w": value})
    found = unpack_state(record)["a.w"]
    assert found.dtype == value.dtype
    np.testing.assert_array_equal(found, value)
    np.testing.assert_array_equal(found, record["a.w"].numpy())  # as Flower reads it


def test_unpacking_copies_nothing():
    record = pack_state({"a.w": np.ones(1000)})
    data = np.frombuffer(record["a.w"].data, np.uint8)
    assert np.shares_memory(unpack_state(record)["a.w"], data)


def test_what_numpy_would_unpickle_is_refused():
    packed = pack_state({"a": np.ones(1)})["a"]
    data = packed.data.replace(b"<f8", b"|O8")
    record = ArrayRecord({"a": Array("object", (1,), packed.stype, data)})
    with pytest.raises(ValueError, match="Python objects"):
        unpack_state(record)


def test_sixteen_bits_of_a_change_tell_a_weight_to_half_a_thousandth_of_the_change():
    received = {"a.w": np.array([1.0, -300.0, 1e-3], np.float32), "a.count": np.array(3)}
    change = np.array([1e-3, 0.5, -1e-5], np.float32)
    trained = {"a.w": received["a.w"] + change, "a.count": np.array(70000)}
    sent = halved(trained, received)
    assert sent["a.w"].dtype == np.float16
    whole = restored(sent, received)
    assert whole["a.count"] == 70000
    assert whole["a.w"].dtype == np.float32
    exact = trained["a.w"] - received["a.w"]
    np.testing.assert_allclose(whole["a.w"] - received["a.w"], exact, rtol=2**-10, atol=1e-7)
    assert pack_state(sent).count_bytes() < pack_state(trained).count_bytes()


def test_a_change_too_large_for_sixteen_bits_is_not_finite():
    received = {"a.w": np.zeros(1, np.float32)}
    sent = halved({"a.w": np.full(1, 1e6, np.float32)}, received)
    assert np.isinf(restored(sent, received)["a.w"]).all()
