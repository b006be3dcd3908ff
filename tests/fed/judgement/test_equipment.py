"""What a camera would be worth: sums over patients that can be done by hand."""

import numpy as np
import pytest

from fed.config.judging import Equipment
from fed.judgement.equipment import equipment, gains, over_patients
from fed.judgement.eyes import two_image_eyes
from fed.judgement.mix import corrected, shares
from fed.sites import Resources, SiteCard
from tests.fed.judgement.eyes import predictions, unlike_sites, width

EVEN = np.full(4, 0.25)
NOBODY = (0, 0, 0, 0)


def card(name, modality, counts, role="train"):
    cases = {"both": NOBODY, "fundus": NOBODY, "oct": NOBODY} | {modality: counts}
    return SiteCard(name, "g", role, (modality,), cases, Resources())


def hospital(name="h"):
    cases = {"both": (5, 5, 5, 5), "fundus": NOBODY, "oct": NOBODY}
    return SiteCard(name, "h", "train", ("fundus", "oct"), cases, Resources())


def value_of(eyes, cards, replicates=0, **asked):
    random = np.random.default_rng(0)
    return equipment(eyes, cards, EVEN, Equipment.model_validate(asked), replicates, random)


def eyes_of(frame):
    eyes = two_image_eyes(frame)
    assert eyes is not None
    return eyes


def test_what_an_eye_gains():
    labels = np.array([0, 1, 1])
    first = np.array([[0.5, 0.5], [0.9, 0.1], [0.2, 0.8]])
    both = np.array([[0.25, 0.75], [0.1, 0.9], [0.2, 0.8]])
    correct, nats = gains(labels, first, both)
    assert correct.tolist() == [-1.0, 1.0, 0.0]
    assert nats == pytest.approx([np.log(0.5), np.log(9), 0.0])


def test_a_sites_patients_gain_what_eyes_of_their_grades_do():
    labels = np.array([0, 0, 1, 1, 1])
    gained = np.array([1.0, 0.0, -1.0, 0.0, 1.0])
    once = np.ones((5, 1))
    assert over_patients(gained, labels, np.array([10.0, 6.0]), once).tolist() == [5.0]
    twice = np.array([[1, 1], [1, 3], [0, 1], [2, 1], [2, 1]], dtype=float)
    found = over_patients(gained, labels, np.array([10.0, 6.0]), twice)
    assert found == pytest.approx([5.0 + 6.0 * 0.5, 2.5])
    assert np.isnan(over_patients(gained, labels, np.array([1.0, 1.0, 1.0]), once)).all()
    assert over_patients(gained, labels, np.array([2.0, 0.0, 0.0]), once).tolist() == [1.0]


def test_the_answers_are_those_at_the_sites_own_mix():
    eyes = eyes_of(predictions({"a": 300}))
    counts = (80, 10, 6, 4)
    found = value_of(eyes, [card("clinic", "fundus", counts)]).sites["clinic"]
    mix = shares(counts)
    one, two = (corrected(eyes.probabilities[c], EVEN, mix) for c in ("fundus", "both"))
    gained = (two.argmax(1) == eyes.labels).astype(float) - (one.argmax(1) == eyes.labels)
    expected = sum(n * gained[eyes.labels == k].mean() for k, n in enumerate(counts))
    assert found.correct.value == pytest.approx(expected)
    assert (found.owns, found.lacks, found.cases, found.ill) == ("fundus", "oct", 100.0, 20.0)


def test_years_and_costs_divide_and_sites_with_both_cameras_are_left_out():
    eyes = eyes_of(predictions({"a": 200}))
    cards = [card("f", "fundus", (20, 20, 20, 20)), card("o", "oct", (20, 20, 20, 20)), hospital()]
    one = value_of(eyes, cards)
    two = value_of(eyes, cards, years=4.0, cost={"oct": 2.0, "fundus": 0.5})
    assert list(one.sites) == ["f", "o"]
    assert (one.cost, one.years) == ({"oct": 1.0, "fundus": 0.2}, 1.0)
    for name, camera in (("f", 2.0), ("o", 0.5)):
        before, after = one.sites[name], two.sites[name]
        assert after.cases == before.cases / 4
        assert after.nats.value == pytest.approx(before.nats.value / 4)
        assert after.correct_per_cost.value == pytest.approx(before.correct.value / 4 / camera)


def test_intervals_are_over_held_out_patients_and_the_same_for_all_sites():
    eyes = eyes_of(predictions({"a": 400}))
    cards = [card("x", "fundus", (50, 50, 50, 50)), card("y", "fundus", (25, 25, 25, 25))]
    found = value_of(eyes, cards, replicates=1500).sites
    x, y = found["x"].nats, found["y"].nats
    assert x.low < x.value < x.high
    # Half the patients of the same mix gain half, resample by resample, but for the pseudo-counts.
    assert [x.low, x.high] == pytest.approx([2 * y.low, 2 * y.high], rel=0.02)
    one, two = (corrected(eyes.probabilities[c], EVEN, EVEN) for c in ("fundus", "both"))
    _, nats = gains(eyes.labels, one, two)
    by_grade = [nats[eyes.labels == k] for k in range(4)]
    se = 50 * sum(g.var() / len(g) for g in by_grade) ** 0.5
    assert (x.high - x.low) / 3.92 == pytest.approx(se, rel=0.1)


def test_a_grade_that_no_held_out_eye_has_leaves_a_site_without_a_value():
    frame = predictions({"a": 100})
    eyes = eyes_of(frame[frame["label"] != 3])
    cards = [card("with", "oct", (5, 5, 5, 1)), card("without", "oct", (5, 5, 5, 0))]
    found = value_of(eyes, cards, replicates=20).sites
    assert found["with"].correct.content() == {"value": None, "low": None, "high": None}
    assert found["without"].correct.value is not None


def test_held_out_sites_that_differ_widen_the_interval():
    cards = [card("x", "fundus", (30, 10, 10, 10))]
    apart, together = (
        value_of(eyes_of(frame), cards, replicates=300).sites["x"] for frame in unlike_sites()
    )
    assert apart.nats.value == pytest.approx(together.nats.value)
    assert width(apart.nats) > 2 * width(together.nats)
