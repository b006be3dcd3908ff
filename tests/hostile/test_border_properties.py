"""Whatever bytes and texts arrive: refused in words, or of exactly the type and bounds promised."""

import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, ConfigRecord
from hypothesis import given, settings
from hypothesis import strategies as st

from fed import protocol
from fed.protocol import RefusedReplyError
from fed.protocol.refusal import LONGEST_NAME, arrays
from fed.sites import Resources, SiteCard

CARD = SiteCard(
    "s", "s", "train", ("fundus",), {"both": (0, 0), "fundus": (4, 5), "oct": (0, 0)}, Resources()
)
STATE = {"fundus_head.w": np.zeros((2, 3), np.float32)}
UPDATE = protocol.Update(
    "s", STATE, {"fundus_head": 9}, {"experts": 0.5}, protocol.TransportCount(), 9, 1.0
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def read(content):
    protocol.check_size(content, protocol.update_bytes(STATE.values()))
    update = protocol.unpack_update(content)
    protocol.check_update(update, STATE, {"fundus_head": 9}, list(STATE), CARD)
    return update


def packed(report=None, array=None):
    content = protocol.pack_update(UPDATE)
    if report is not None:
        content["report"] = ConfigRecord({"json": report})
    if array is not None:
        content["parameters"] = ArrayRecord({"fundus_head.w": array})
    return content


def tried(reading, what):
    """Return what was read, or None if it was refused in words that are short and on one line."""
    try:
        return reading(what)
    except RefusedReplyError as error:
        words = str(error)
    assert len(words) < 500
    assert words.isprintable()
    return None


def check(content):
    update = tried(read, content)
    if update is None:
        return
    assert update.site == "s"
    assert all(type(n) is int and 0 <= n <= 9 for n in update.cases.values())
    assert all(math.isfinite(value) for value in update.losses.values())
    value = update.parameters["fundus_head.w"]
    assert value.shape == (2, 3)
    assert np.isfinite(value).all()


def test_the_honest_update_is_taken():
    assert read(packed()).cases == {"fundus_head": 9}


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["site", "cases", "losses", "transport", "examples", "more"]), JSON)
def test_any_value_under_any_key_of_the_report(key, value):
    report = json.loads(str(packed().config_records["report"]["json"]))
    check(packed(json.dumps(report | {key: value})))


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_any_text_for_the_report(text):
    check(packed(text))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_for_an_array(data):
    check(packed(array=Array("float32", (2, 3), "numpy.ndarray", data)))


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 127), st.integers(0, 255))
def test_any_byte_of_an_arrays_head(place, byte):
    data = bytearray(Array(STATE["fundus_head.w"]).data)
    data[place] = byte
    check(packed(array=Array("float32", (2, 3), "numpy.ndarray", bytes(data))))


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=2 * LONGEST_NAME), st.binary(max_size=64))
def test_any_name_of_an_array(name, data):
    record = ArrayRecord({name: Array("float32", (1,), "numpy.ndarray", data)})
    tried(arrays, record)


@pytest.mark.parametrize(
    ("variates", "words"),
    [
        ({}, "sent no control variates of fundus_head.w"),
        ({"fundus_head.w": np.zeros((3, 2), np.float32)}, "of shape (3, 2)"),
        ({"fundus_head.w": np.zeros((2, 3))}, "expected float32"),
        ({"fundus_head.w": np.full((2, 3), np.nan, np.float32)}, "not finite"),
        (STATE | {"oct_head.w": np.zeros(2, np.float32)}, "oct_head.w', which nobody asked for"),
    ],
)
def test_control_variates_are_checked_like_weights(variates, words):
    sent = protocol.unpack_update(protocol.pack_update(replace(UPDATE, variates=variates)))
    with pytest.raises(RefusedReplyError, match=re.escape(words)):
        protocol.check_update(sent, STATE, {"fundus_head": 9}, list(STATE), CARD, variates=True)


def test_control_variates_are_taken_where_they_are_asked_for_only():
    sent = protocol.unpack_update(protocol.pack_update(replace(UPDATE, variates=STATE)))
    protocol.check_update(sent, STATE, {"fundus_head": 9}, list(STATE), CARD, variates=True)
    np.testing.assert_array_equal(sent.variates["fundus_head.w"], STATE["fundus_head.w"])
    with pytest.raises(RefusedReplyError, match="which nobody asked for"):
        protocol.check_update(sent, STATE, {"fundus_head": 9}, list(STATE), CARD)


@pytest.mark.parametrize("name", ["fundus_head.w", "oct_head.w"])
def test_a_site_refuses_a_correction_that_fits_no_weight(name):
    task = protocol.TrainTask(1, 0, 0.1, STATE, {}, {name: np.zeros(5, np.float32)})
    back = protocol.unpack_train_task(protocol.pack_train_task(task))
    with pytest.raises(RefusedReplyError, match="correction of"):
        protocol.check_train_task(back, 1)
