"""What is refused before training, of what a model is to be judged by."""

from pathlib import Path

import pytest

from fed.config import load
from fed.errors import ConfigError
from fed.sites import Resources, SiteCard
from server.judgement import check_sets

DEMO = Path(__file__).parents[2] / "configs/demo.yaml"


def card(cases, role="held_out"):
    counts = {"both": (cases, 0, 0, 0), "fundus": (0,) * 4, "oct": (0,) * 4}
    return SiteCard("unseen-1", "unseen", role, ("fundus", "oct"), counts, Resources())


def test_calibration_that_leaves_no_eye_to_score_is_refused():
    asked = load([DEMO], ["evaluation.sets={cases: 40}"])
    check_sets(asked, [card(41), card(5, "train")])
    with pytest.raises(ConfigError, match=r"evaluation\.sets\.cases: 40 .* unseen-1 .* at most 39"):
        check_sets(asked, [card(40)])
    archive = load([DEMO], ["evaluation.sets={}", "evaluation.onboarding={archive: 100}"])
    with pytest.raises(ConfigError, match="at most 39"):
        check_sets(archive, [card(140)])
    check_sets(load([DEMO]), [card(1)])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (["evaluation.sets={coverage: 1.0}"], r"sets\.coverage: must be below 1"),
        (["evaluation.sets={calibrate: lokal}"], r"sets\.calibrate: allowed: local, federated"),
        (["evaluation.sets={calibrate: federated}"], r"needs evaluation\.validation above 0"),
        (["evaluation.triage={mix: [1, 2]}"], r"triage\.mix: 2 shares for 4 classes"),
        (["evaluation.triage={mix: [0, 0, 0, 0]}"], r"triage\.mix: shares must not all be 0"),
        (["evaluation.triage={mx: 1}"], r"triage\.mx: unknown key; did you mean 'mix'"),
    ],
)
def test_a_wrong_key_is_named(changes, words):
    with pytest.raises(ConfigError, match=words):
        load([DEMO], changes)
