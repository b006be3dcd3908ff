"""Sums over linked pairs, and anchors, as they travel; what is wrong with them is named."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from flwr.app import Array

from fed import protocol
from fed.pair_sums import PairSums
from fed.protocol import RefusedReplyError, Statistics, TrainTask
from fed.prototypes import Prototypes
from fed.sites import Modality, Resources, SiteCard

RANDOM = np.random.default_rng(0)
WIDTHS: dict[Modality, int] = {"fundus": 4, "oct": 3}
CARD = SiteCard(
    "s",
    "s",
    "train",
    ("fundus", "oct"),
    {"both": (6, 5), "fundus": (0, 0), "oct": (0, 0)},
    Resources(),
)
BANK = {
    modality: Prototypes(
        np.array([0, 1]),
        RANDOM.standard_normal((2, width)).astype(np.float32),
        np.ones((2, width), np.float32),
        np.array([6, 5], np.float32),
    )
    for modality, width in WIDTHS.items()
}
PAIRS = PairSums(
    np.array([6, 0], np.float32),
    np.stack([RANDOM.standard_normal((4, 3)), np.zeros((4, 3))]).astype(np.float32),
)
ANCHORS = {
    "oct.weight": RANDOM.standard_normal((2, 4, 3)).astype(np.float32),
    "oct.offset": RANDOM.standard_normal((2, 3)).astype(np.float32),
}


def received(pairs: PairSums, asked: bool = True) -> Statistics:
    """Return what the server makes of a site's reply."""
    content = protocol.pack_statistics(Statistics(BANK, pairs))
    protocol.check_size(content, protocol.statistics_bytes(2, 1, WIDTHS.values(), asked))
    statistics = protocol.unpack_statistics(content, asked)
    protocol.check_statistics(statistics, WIDTHS, CARD, 2, 1)
    return statistics


def test_they_survive() -> None:
    back = received(PAIRS)
    assert back.pairs is not None
    np.testing.assert_array_equal(back.pairs.counts, PAIRS.counts)
    np.testing.assert_array_equal(back.pairs.scatter, PAIRS.scatter)
    without = protocol.pack_statistics(Statistics(BANK))
    assert protocol.unpack_statistics(without, pairs=True).pairs is None


def test_who_was_not_asked_may_not_send_them() -> None:
    with pytest.raises(RefusedReplyError, match="pairs"):
        received(PAIRS, asked=False)


@pytest.mark.parametrize("name", ["more", "counts"])
def test_their_names_are_exact(name: str) -> None:
    content = protocol.pack_statistics(Statistics(BANK, PAIRS))
    record = content.array_records["pairs"]
    if name in record:
        del record[name]
    else:
        record[name] = Array(np.zeros(3, np.float32))
    with pytest.raises(RefusedReplyError, match=name):
        protocol.unpack_statistics(content, pairs=True)


def value(at: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda v: np.where(np.arange(v.size).reshape(v.shape) == 0, np.float32(at), v)


@pytest.mark.parametrize(
    ("field", "change", "words"),
    [
        ("counts", value(7), "claims 7 linked pairs of class 0; its card has 6"),
        ("counts", value(-1), "claims -1 linked pairs"),
        ("counts", value(np.nan), "not finite"),
        ("counts", value(0), "scatter of a class that it counts no linked pair of"),
        ("counts", lambda v: v[:1], "shape"),
        ("counts", lambda v: v.astype(np.float64), "float64"),
        ("scatter", value(np.inf), "not finite"),
        ("scatter", value(1e30), "above"),
        ("scatter", lambda v: v[:, :, :2], "shape"),
        ("scatter", lambda v: v.astype(np.float16), "float16"),
    ],
)
def test_what_no_site_can_have_is_refused(field: str, change: Any, words: str) -> None:
    wrong = PairSums(**(vars(PAIRS) | {field: change(getattr(PAIRS, field))}))
    with pytest.raises(RefusedReplyError, match=words):
        received(wrong)


def test_more_than_was_asked_for_is_refused_by_its_size() -> None:
    content = protocol.pack_statistics(Statistics(BANK, PAIRS))
    content.array_records["pairs"]["scatter"] = Array(np.zeros((2, 400, 300), np.float32))
    with pytest.raises(RefusedReplyError, match="bytes"):
        protocol.check_size(content, protocol.statistics_bytes(2, 1, WIDTHS.values(), pairs=True))


def task(anchors: dict[str, np.ndarray]) -> TrainTask:
    return TrainTask(1, 0, 1e-3, {}, {"oct": BANK["oct"]}, anchors=anchors)


def test_anchors_survive_a_round() -> None:
    back = protocol.unpack_train_task(protocol.pack_train_task(task(ANCHORS)))
    protocol.check_train_task(back, 1)
    assert back.anchors.keys() == ANCHORS.keys()
    for name, sent in ANCHORS.items():
        np.testing.assert_array_equal(back.anchors[name], sent)
    assert protocol.unpack_train_task(protocol.pack_train_task(task({}))).anchors == {}


def test_a_site_refuses_anchors_that_nobody_could_have_meant() -> None:
    for wrong in (
        ANCHORS | {"fundus.weight": ANCHORS["oct.weight"]},
        {"oct.weight": ANCHORS["oct.weight"]},
        ANCHORS | {"oct.offset": np.full((2, 3), np.nan, np.float32)},
    ):
        with pytest.raises(RefusedReplyError):
            protocol.check_train_task(task(wrong), 1)
