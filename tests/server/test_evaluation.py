"""From the scores of sites to tables: who counts once, and what rests on what."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fed.config import load
from fed.errors import ConfigError
from fed.metrics import measured, names
from fed.protocol import Scores
from server.evaluation import (
    check_metrics,
    counts_of,
    operating_points,
    pool,
    prediction_columns,
    prediction_rows,
    tables_of,
)
from tests.fed.grading import graded

SITES = "[{name: t, modalities: [fundus, oct], cases: 20}, {name: u, role: held_out, modalities: [oct], cases: 9}]"
DEMO = Path(__file__).parents[2] / "configs/demo.yaml"


def config(*changes: str):
    return load([DEMO], ["evaluation.bootstrap=50", *changes])


def scores(site: str, n: int, conditions=("both", "fundus", "oct"), classes: int = 4) -> Scores:
    """Return scores of two eyes a patient, whose ids every hospital gives alike."""
    labels, p = graded(n, classes, len(site) + n)
    ids = tuple(str(i) for i in range(n))
    patients = tuple(str(i // 2) for i in range(n))
    rows = {c: np.arange(n) for c in conditions}
    return Scores(site, ids, patients, labels, rows, dict.fromkeys(conditions, p))


def test_one_site_alone_has_one_interval():
    pooled, sites = tables_of([scores("a", 40)], config())
    assert sites == {"a": pooled}
    pooled, sites = tables_of([scores("a", 40, ("fundus",)), scores("bb", 40, ("oct",))], config())
    assert sites["a"]["fundus"] == pooled["fundus"]
    assert sites["bb"]["oct"] == pooled["oct"]
    pooled, sites = tables_of([scores("a", 40), scores("bb", 40)], config())
    assert sites["a"]["both"] != pooled["both"]


def test_held_out_sites_that_differ_widen_every_interval_of_all_of_them():
    """And of each by itself they do nothing."""
    classes, n = 2, 40
    p = np.where(np.arange(n)[:, None] % classes == np.arange(classes), 0.8, 0.2)
    sites = []
    for number, site in enumerate("abcdef"):
        own = scores(site, n, ("both",), classes)
        labels = np.arange(n) % classes
        flawed = np.arange(n) // 2 % (2 if number < 2 else 10) == 0  # of two sites half is wrong
        wrong = np.where(flawed[:, None], p[:, ::-1], p)
        sites.append(replace(own, labels=labels, probabilities={"both": wrong}))
    one = replace(
        sites[0],
        site="one",
        case_ids=tuple(f"{s.site}{i}" for s in sites for i in s.case_ids),
        patient_ids=tuple(f"{s.site}{i}" for s in sites for i in s.patient_ids),
        labels=np.concatenate([s.labels for s in sites]),
        rows={"both": np.arange(6 * n)},
        probabilities={"both": np.concatenate([s.probabilities["both"] for s in sites])},
    )
    keys = ("evaluation.bootstrap=200", "evaluation.operating_sensitivity=0.7")
    asked = config(f"sites={SITES}", "task.classes=[well, ill]", *keys)
    (apart, by_site), (together, _) = (tables_of(each, asked) for each in (sites, [one]))
    for name, estimate in together["both"].items():
        if estimate["low"] is not None:
            width, wider = (
                t["both"][name]["high"] - t["both"][name]["low"] for t in (together, apart)
            )
            assert wider > 1.2 * width, name
    assert tables_of(sites[:2], asked)[1]["a"] == by_site["a"]
    points = [(operating_points(each, [], asked) or {})["both"] for each in (sites, [one])]
    wider, width = (point.specificity.high - point.specificity.low for point in points)
    assert wider > 1.2 * width


def test_a_patient_counts_within_its_site():
    sites = [scores("a", 40), scores("bb", 30)]
    assert len(set(pool(sites, "both").patients)) == 35
    counts = counts_of(sites, ("both",), 4)
    assert (counts.pooled["both"].cases, counts.pooled["both"].patients) == (70, 35)
    assert counts.sites["bb"]["both"].patients == 15
    assert sum(counts.pooled["both"].by_class) == 70


def test_rows_name_the_patient_after_the_case():
    site = scores("a", 4)
    assert prediction_columns([site], 4)[:5] == [
        "site", "case_id", "patient_id", "condition", "label",
    ]  # fmt: skip
    rows = prediction_rows([site], ("both",))
    assert rows[3][:5] == ["a", "3", "1", "both", int(site.labels[3])]
    assert all(len(row) == len(prediction_columns([site], 4)) for row in rows)


def test_metrics_of_ones_own_and_an_own_headline_are_scored_beside_the_others():
    own = "tests.fed.metrics.test_metrics:Hits"
    asked = config(f"evaluation.metrics=['{own}']")
    assert measured(asked.evaluation) == (*names(), own)
    assert measured(config(f"evaluation.headline='{own}'").evaluation)[-1] == own
    pooled, _ = tables_of([scores("a", 40)], asked)
    assert pooled["both"][own]["value"] == pytest.approx(40 * pooled["both"]["accuracy"]["value"])


def test_two_classes_have_an_operating_point_and_more_have_none():
    def asked():
        return config(
            f"sites={SITES}", "task.classes=[well, ill]", "evaluation.operating_sensitivity=0.8"
        )

    held_out = [scores("a", 60, ("both",), 2)]
    point = (operating_points(held_out, [], asked()) or {})["both"]
    assert point.chosen_on == "held_out"
    labels, p = held_out[0].labels, held_out[0].probabilities["both"]
    said = p[:, 1] >= point.threshold
    assert point.sensitivity.value == pytest.approx(said[labels == 1].mean())
    assert point.sensitivity.value >= 0.8
    assert point.specificity.value == pytest.approx((~said)[labels == 0].mean())
    assert point.positive_predictive_value.value == pytest.approx(labels[said].mean())
    assert point.negative_predictive_value.value == pytest.approx(1 - labels[~said].mean())
    splits = [scores("train", 50, ("both",), 2)]
    elsewhere = (operating_points(held_out, splits, asked()) or {})["both"]
    assert elsewhere.chosen_on == "validation"
    assert elsewhere.threshold in splits[0].probabilities["both"][:, 1]
    assert operating_points([scores("a", 60)], [], config()) is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("evaluation.headline=acu", r"evaluation\.headline: no metric 'acu'; did you mean 'auc'"),
        ("evaluation.tables=[qwk, x]", r"evaluation\.tables: no metric 'x'"),
        (
            "evaluation.metrics=['a.b:C']",
            r"evaluation\.metrics: metric 'a\.b:C' cannot be imported",
        ),
    ],
)
def test_a_metric_that_is_not_there_is_refused_before_the_first_round(change, words):
    with pytest.raises(ConfigError, match=words):
        check_metrics(config(change))
