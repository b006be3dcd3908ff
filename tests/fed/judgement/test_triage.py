"""Which eyes need the other camera: against counting by hand."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, cohen_kappa_score

from fed.judgement.eyes import two_image_eyes
from fed.judgement.triage import SHARES, Sending, curves, entropy, margin, seen, triage
from tests.fed.judgement.eyes import predictions, unlike_sites, width

EVEN = np.full(4, 0.25)


def generator(name):
    return np.random.default_rng(len(name))


def eyes_of(frame):
    found = two_image_eyes(frame)
    assert found is not None
    return found


def arrays(frame):
    eyes = eyes_of(frame)
    return eyes.labels, eyes.probabilities["fundus"], eyes.probabilities["both"]


def test_scores_of_known_answers():
    first = np.array([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0], [0.6, 0.3, 0.1]])
    both = np.array([[0.1, 0.2, 0.7], [0.9, 0.1, 0.0], [0.2, 0.7, 0.1]])
    assert entropy(first, both) == pytest.approx([np.log(2), 0.0, 0.897946], abs=1e-6)
    assert margin(first, both) == pytest.approx([0.0, -1.0, -0.3])
    assert seen(first, both) == pytest.approx([0.6, 0.0, 0.5])


def test_eyes_of_equal_score_are_sent_in_equal_parts():
    weights = np.array([[1.0, 2.0], [1.0, 0.0], [2.0, 1.0], [0.0, 1.0]])
    sending = Sending(np.array([5.0, 1.0, 1.0, 9.0]), weights, np.arange(4))
    assert sending.weight(0.0).tolist() == np.zeros((4, 2)).tolist()
    assert sending.weight(1.0).tolist() == weights.tolist()
    # Of 4: the last eye first, then the first, then the two of equal score alike.
    assert sending.weight(0.5)[:, 0] == pytest.approx([1.0, 1 / 3, 2 / 3, 0.0])
    assert sending.weight(0.5)[:, 1] == pytest.approx([1.0, 0.0, 0.0, 1.0])


def test_every_point_of_a_curve_is_the_metric_of_the_eyes_as_they_then_are():
    labels, first, both = arrays(predictions({"a": 60, "b": 40}))
    found = curves(labels, first, both, np.ones((100, 1)))
    for order, score in (("entropy", entropy), ("margin", margin)):
        ranked = np.argsort(-score(first, both), kind="stable")
        for place, share in enumerate(SHARES):
            graded = first.argmax(axis=1)
            sent = ranked[: round(share * 100)]
            graded[sent] = both.argmax(axis=1)[sent]
            values = found[order]
            assert values["accuracy"][place, 0] == pytest.approx(accuracy_score(labels, graded))
            assert values["kappa"][place, 0] == pytest.approx(cohen_kappa_score(labels, graded))


def test_in_random_order_accuracy_comes_in_proportion():
    found = triage(eyes_of(predictions({"a": 300})), EVEN, None, 20, generator)
    score = found.clinics["fundus"]["drawn"].metrics["accuracy"]
    assert score.gain.value > 0
    curve = score.curves["chance"]
    assert [e.value for e in curve.share_of_gain] == pytest.approx(SHARES)
    assert curve.enough.value == 0.95


def test_a_clinic_that_could_look_ahead_needs_only_the_eyes_that_change():
    frame = predictions({"a": 400})
    labels, first, both = arrays(frame)
    changed = (first.argmax(axis=1) != both.argmax(axis=1)).mean()
    found = triage(eyes_of(frame), EVEN, None, 0, generator).clinics["fundus"]["drawn"]
    parts = [e.value for e in found.metrics["accuracy"].curves["seen"].share_of_gain]
    beyond = [part for share, part in zip(SHARES, parts, strict=True) if share >= changed]
    assert beyond == pytest.approx([1.0] * len(beyond))
    assert (labels == both.argmax(axis=1)).mean() == found.metrics["accuracy"].both.value


def test_a_mix_is_what_eyes_drawn_in_that_mix_would_give():
    frame = predictions({"a": 200})
    labels, first, both = arrays(frame)
    times = np.array([6, 1, 2, 1])
    counts = np.bincount(labels, minlength=4) * times
    given = triage(eyes_of(frame), EVEN, (counts / 2).tolist(), 0, generator)
    repeated = np.repeat(np.arange(len(labels)), times[labels])
    prior = counts / counts.sum() / EVEN
    one, two = ((p * prior)[repeated] for p in (first, both))
    one, two = (p / p.sum(axis=1, keepdims=True) for p in (one, two))
    expected = curves(labels[repeated], one, two, np.ones((len(repeated), 1)))
    score = given.clinics["fundus"]["given"].metrics["kappa"]
    for order in ("entropy", "margin"):
        values = expected[order]["kappa"][:, 0]
        shares = (values - values[0]) / (values[-1] - values[0])
        found = [e.value for e in score.curves[order].share_of_gain]
        assert found == pytest.approx(shares.tolist())
    assert given.clinics["fundus"]["drawn"].mix == pytest.approx(np.bincount(labels) / 200)


def test_the_interval_of_the_gain_is_as_wide_as_its_spread_over_patients():
    frame = predictions({"a": 600})
    labels, first, both = arrays(frame)
    gained = (both.argmax(axis=1) == labels).astype(float) - (first.argmax(axis=1) == labels)
    of_patient = gained.reshape(-1, 2).mean(axis=1)  # two eyes a patient, in order
    se = of_patient.std() / len(of_patient) ** 0.5
    score = triage(eyes_of(frame), EVEN, None, 2000, generator).clinics["fundus"]["drawn"]
    gain = score.metrics["accuracy"].gain
    assert gain.value == pytest.approx(gained.mean())
    assert (gain.high - gain.low) / 3.92 == pytest.approx(se, rel=0.06)


def test_without_a_gain_there_is_no_share_of_one():
    useless = {"both": 1.0, "fundus": 2.0, "oct": 0.1}
    found = triage(eyes_of(predictions({"a": 200}, skill=useless)), EVEN, None, 100, generator)
    score = found.clinics["fundus"]["drawn"].metrics["accuracy"]
    assert score.gain.low <= 0
    assert {e.value for c in score.curves.values() for e in c.share_of_gain} == {None}
    assert found.clinics["oct"]["drawn"].metrics["accuracy"].curves["entropy"].enough.value > 0


def test_a_mix_with_a_grade_that_no_eye_has_is_left_out():
    frame = predictions({"a": 100})
    frame = frame[frame["label"] != 3]
    found = triage(eyes_of(frame), EVEN, [4, 3, 2, 1], 0, generator)
    assert set(found.clinics["fundus"]) == {"drawn"}
    found = triage(eyes_of(frame), EVEN, [4, 3, 2, 0], 0, generator)
    assert set(found.clinics["fundus"]) == {"drawn", "given"}


def test_only_eyes_with_both_images_count_and_only_one_model():
    frame = predictions({"a": 100})
    dropped = frame[(frame["condition"] != "oct") | (frame["case_id"].astype(int) >= 40)]
    assert eyes_of(dropped).count.cases == 60
    assert two_image_eyes(frame[frame["condition"] != "oct"]) is None
    assert two_image_eyes(frame.assign(model="site-1")) is None


def test_the_order_of_rows_changes_nothing():
    frame = predictions({"a": 60, "b": 30})
    one = triage(eyes_of(frame), EVEN, [5, 1, 1, 1], 40, generator).content()
    moved = frame.sample(frac=1, random_state=1).reset_index(drop=True)
    two = triage(eyes_of(moved), EVEN, [5, 1, 1, 1], 40, generator).content()
    assert one == two


def test_sites_that_differ_widen_the_interval_of_the_gain():
    found = [
        triage(eyes_of(frame), EVEN, None, 300, generator).clinics["fundus"]["drawn"]
        for frame in unlike_sites()
    ]
    apart, together = (clinic.metrics["accuracy"] for clinic in found)
    assert apart.gain.value == pytest.approx(together.gain.value)
    assert width(apart.gain) > 2 * width(together.gain)
    assert (apart.gain.low or 0) < 0 < (together.gain.low or 0)
    assert apart.curves["entropy"].enough.value is None
    assert together.curves["entropy"].enough.value is not None
