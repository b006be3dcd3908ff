"""Answers made for one mix of grades, corrected for another."""

from pathlib import Path

import numpy as np
import pytest

from fed.config import load
from fed.judgement.mix import assumed_mix, corrected, shares
from fed.sites import Resources, SiteCard

DEMO = Path(__file__).parents[3] / "configs/demo.yaml"


def card(role, counts):
    cases = {"both": counts, "fundus": (0,) * len(counts), "oct": (0,) * len(counts)}
    return SiteCard("s", "g", role, ("fundus",), cases, Resources())


def test_bayes_rule_with_the_assumed_mix_taken_out():
    likelihood = np.array([[0.2, 0.6], [0.5, 0.1]])
    assumed, mix = np.array([0.25, 0.75]), np.array([0.9, 0.1])
    posterior = likelihood * assumed
    posterior /= posterior.sum(axis=1, keepdims=True)
    expected = likelihood * mix
    expected /= expected.sum(axis=1, keepdims=True)
    assert corrected(posterior, assumed, mix) == pytest.approx(expected)
    assert corrected(posterior, assumed, assumed) == pytest.approx(posterior)


def test_a_grade_that_the_mix_rules_out_is_never_given():
    p = np.array([[0.9, 0.1], [1.0, 0.0]])
    found = corrected(p, np.array([0.5, 0.5]), np.array([0.0, 1.0]))
    assert found.tolist() == [[0.0, 1.0], [0.0, 1.0]]


def test_the_mix_that_answers_are_made_for_is_even_or_that_of_the_training_cases():
    cards = [card("train", (30, 0, 0, 8)), card("held_out", (0, 99, 0, 0))]
    even = assumed_mix(load([DEMO], ["method=fedrima"]), cards)
    assert even.tolist() == [0.25] * 4
    drawn = assumed_mix(load([DEMO], ["method=fedavg"]), cards)
    assert drawn == pytest.approx(np.array([30.5, 0.5, 0.5, 8.5]) / 40)
    assert shares([0, 0]).tolist() == [0.5, 0.5]
