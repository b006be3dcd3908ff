"""Made-up studies whose truth is known, and the page that cites them."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import site_intervals as module
from fed.metrics import evaluate

ROOT = Path(__file__).parents[2]


def test_the_truth_is_that_of_two_normal_distributions():
    """Alike sites: accuracy is Phi(d / 2) and AUC Phi(d / sqrt 2), d what the means are apart."""
    labels, p, _ = module.drawn(400, 0.0, np.random.default_rng(0))
    found = evaluate(labels, p, module.METRICS)
    assert found["accuracy"] == pytest.approx(0.7734, abs=0.006)
    assert found["auc"] == pytest.approx(0.8556, abs=0.006)


def test_sites_differ_where_they_are_to():
    rates = {}
    for differ in module.DIFFER.values():
        labels, p, sites = module.drawn(40, differ, np.random.default_rng(0))
        right = p.argmax(axis=1) == labels
        rates[differ] = np.std([right[sites == site].mean() for site in range(40)])
    assert rates[0.0] == pytest.approx(0.042, abs=0.015)  # that of 100 patients
    assert rates[0.5] > 1.5 * rates[0.0]


def test_the_page_has_a_line_for_each_kind_and_number_of_sites():
    lines = module.page(ROOT / "results/site_intervals.csv").splitlines()
    assert len(lines) == 2 + len(module.SITES) * len(module.DIFFER)
    assert lines[2].startswith("| 2, unlike each other |")
