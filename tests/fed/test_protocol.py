import numpy as np

from fed import protocol
from fed.prototypes import Prototypes
from fed.sites import Resources, SiteCard

RANDOM = np.random.default_rng(0)
STATE = {
    "fundus_encoder.w": RANDOM.standard_normal((2, 3)).astype(np.float32),
    "fundus_encoder.count": np.array(3, np.int64),
}
BANK = {
    "oct": Prototypes(
        np.array([0, 1]),
        RANDOM.standard_normal((2, 4)).astype(np.float32),
        np.ones((2, 4), np.float32),
        np.array([5, 6], np.float32),
    )
}


def same(first, second):
    assert first.keys() == second.keys()
    for key in first:
        assert first[key].dtype == second[key].dtype
        np.testing.assert_array_equal(first[key], second[key])


def test_a_card_survives():
    counts = {"both": (1, 2), "fundus": (3, 4), "oct": (0, 0)}
    card = SiteCard("a-1", "a", "train", ("fundus", "oct"), counts, Resources(speed=0.5))
    assert protocol.unpack_card(protocol.pack_card(card)) == card
    assert (card.total, card.having("oct"), card.lacking("oct")) == (10, 3, 7)


def test_a_round_survives():
    packed = protocol.pack_train_task(protocol.TrainTask(4, 1, 1e-3, STATE, BANK))
    task = protocol.unpack_train_task(packed)
    assert (task.round, task.phase, task.lr) == (4, 1, 1e-3)
    same(dict(task.parameters), STATE)
    same(vars(task.bank["oct"]), vars(BANK["oct"]))
    assert protocol.size(packed) >= sum(value.nbytes for value in STATE.values())


def test_an_update_survives():
    count = protocol.TransportCount(3, 1, 0, 0.5)
    update = protocol.Update("s", STATE, {"fundus_encoder": 9}, {"experts": 0.25}, count, 18, 1.5)
    back = protocol.unpack_update(protocol.pack_update(update))
    same(dict(back.parameters), STATE)
    assert (back.site, back.cases, back.losses, back.transport, back.examples) == (
        "s",
        {"fundus_encoder": 9},
        {"experts": 0.25},
        count,
        18,
    )


def test_scores_survive():
    rows = {"fundus": np.array([0, 2])}
    scores = protocol.Scores(
        "s", ("a", "b", "c"), ("p", "p", "q"), np.array([0, 1, 0]), rows, {"fundus": np.eye(2)}
    )
    back = protocol.unpack_scores(protocol.pack_scores(scores))
    assert (back.case_ids, back.patient_ids) == (scores.case_ids, scores.patient_ids)
    same(dict(back.rows), rows)
    same(dict(back.probabilities), {"fundus": np.eye(2)})
