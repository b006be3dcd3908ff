import numpy as np
import pytest
from flwr.app import RecordDict

from fed import protocol
from fed.prototypes import Prototypes
from fed.sites import Resources, SiteCard
from fed.states import halved, restored

RANDOM = np.random.default_rng(0)
STATE = {
    "fundus_encoder.w": RANDOM.standard_normal((2, 3)).astype(np.float32),
    "fundus_encoder.count": np.array(3, np.int64),
    "fundus_encoder.transposed": RANDOM.standard_normal((2, 3)).T,
    "fundus_encoder.odd": np.array([np.nan, -0.0, np.inf, 1e-42], np.float32),
    "fundus_encoder.empty": np.zeros((0, 4), np.float32),
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
        assert first[key].shape == second[key].shape
        assert first[key].tobytes() == second[key].tobytes()


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


def test_groups_travel_with_scores_and_weigh_nothing_where_there_are_none():
    rows = {"fundus": np.array([0, 1])}
    asked = "s", ("a", "b"), ("p", "q"), np.array([0, 1]), rows, {"fundus": np.eye(2)}
    without = protocol.pack_scores(protocol.Scores(*asked))
    assert "groups" not in str(without.config_records["cases"]["json"])
    scores = protocol.Scores(*asked, groups={"sex": ("f", "")})
    assert protocol.unpack_scores(protocol.pack_scores(scores)).groups == {"sex": ("f", "")}
    card = SiteCard(
        "s",
        "g",
        "held_out",
        ("fundus",),
        {"fundus": (1, 1), "both": (0, 0), "oct": (0, 0)},
        Resources(),
    )
    protocol.check_scores(scores, card, 2, ("fundus",), columns=("sex",))
    short = protocol.Scores(*asked, groups={"sex": ("f",)})
    with pytest.raises(protocol.RefusedReplyError, match="1 groups of sex; it scored 2 cases"):
        protocol.check_scores(short, card, 2, ("fundus",), columns=("sex",))
    with pytest.raises(protocol.RefusedReplyError, match="groups 'sex', which nobody asked for"):
        protocol.check_scores(scores, card, 2, ("fundus",))
    numbers = protocol.pack_scores(protocol.Scores(*asked, groups={"sex": ("f", 1)}))
    with pytest.raises(protocol.RefusedReplyError, match="groups"):
        protocol.unpack_scores(numbers)


def test_class_statistics_survive():
    same(vars(protocol.unpack_bank(protocol.pack_bank(BANK))["oct"]), vars(BANK["oct"]))
    assert protocol.unpack_bank(protocol.pack_bank({})) == {}


def test_a_request_for_statistics_survives():
    same(protocol.unpack_parameters(protocol.pack_parameters(STATE)), STATE)


def test_a_request_for_scores_survives():
    task = protocol.EvaluateTask("validation", ("oct", "both"), STATE)
    back = protocol.unpack_evaluate_task(protocol.pack_evaluate_task(task))
    assert (back.part, back.conditions) == ("validation", ("oct", "both"))
    same(dict(back.parameters), STATE)


def test_scores_of_no_case_survive():
    none = np.zeros(0, np.int64)
    empty = protocol.Scores("s", (), (), none, {"both": none}, {"both": np.zeros((0, 3))})
    assert protocol.size(protocol.pack_scores(empty)) > 0
    back = protocol.unpack_scores(protocol.pack_scores(empty))
    assert (back.case_ids, back.patient_ids, len(back.labels)) == ((), (), 0)
    assert back.probabilities["both"].shape == (0, 3)


def test_losses_and_rates_keep_every_bit():
    task = protocol.TrainTask(1, 0, 0.1 + 0.2, {}, {})
    assert protocol.unpack_train_task(protocol.pack_train_task(task)).lr == 0.1 + 0.2
    losses = {"experts": 1 / 3, "fusion": 5e-324}
    update = protocol.Update("s", {}, {}, losses, protocol.TransportCount(), 0, 0.0)
    back = protocol.unpack_update(protocol.pack_update(update)).losses
    assert back["experts"] == 1 / 3
    assert back["fusion"] == 5e-324


def test_the_size_of_a_message_grows_by_the_bytes_of_its_arrays():
    def size(values):
        return protocol.size(protocol.pack_parameters({"w": np.zeros(values, np.float32)}))

    assert size(1000) - size(500) == 500 * 4


def test_counts_of_couplings_add_up():
    first, second = protocol.TransportCount(3, 1, 0, 0.5), protocol.TransportCount(2, 0, 4, 0.25)
    assert first + second == protocol.TransportCount(5, 1, 4, 0.75)


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
    assert protocol.size(RecordDict({"p": protocol.pack_state(sent)})) < protocol.size(
        RecordDict({"p": protocol.pack_state(trained)})
    )


def test_a_change_too_large_for_sixteen_bits_is_not_finite():
    received = {"a.w": np.zeros(1, np.float32)}
    sent = halved({"a.w": np.full(1, 1e6, np.float32)}, received)
    assert np.isinf(restored(sent, received)["a.w"]).all()


@pytest.mark.parametrize(
    "value",
    [
        np.arange(6, dtype=np.float32).reshape(2, 3),
        np.arange(6, dtype=np.float64).reshape(2, 3).T,
        np.array(7),
        np.zeros((0, 4), np.float16),
    ],
)
def test_a_state_survives_as_flower_reads_it_and_is_not_copied(value):
    record = protocol.pack_state({"a.w": value})
    found = protocol.unpack_state(record)["a.w"]
    assert found.dtype == value.dtype
    np.testing.assert_array_equal(found, value)
    np.testing.assert_array_equal(found, record["a.w"].numpy())
    if value.size:
        assert np.shares_memory(found, np.frombuffer(record["a.w"].data, np.uint8))
