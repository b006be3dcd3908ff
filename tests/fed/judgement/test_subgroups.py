"""Groups of patients: each judged by itself, the worst named, the small ones marked."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, roc_auc_score

from fed.judgement.subgroups import UNKNOWN, equity_scaled, subgroups
from tests.fed.judgement.eyes import predictions, unlike_sites, width

METRICS = ("auc", "accuracy", "nll")
P = [f"p_{k}" for k in range(4)]


def generator(group, condition):
    return np.random.default_rng([len(group), len(condition)])


def told(frame, of_case):
    """Return the groups of the eyes of a table, by a function of site and number."""
    eyes = frame[["site", "case_id"]].drop_duplicates()
    values = [of_case(s, int(c)) for s, c in zip(eyes["site"], eyes["case_id"], strict=True)]
    return eyes.assign(sex=values)


def table_of(frame, groups, replicates=0, condition="both"):
    found = subgroups(frame, groups, "sex", METRICS, replicates, generator)
    assert found is not None
    return found[condition]


def test_each_group_is_judged_by_itself():
    frame = predictions({"a": 100, "b": 80})
    groups = told(frame, lambda site, n: "f" if n % 3 else "m")
    table = table_of(frame, groups)
    rows = frame[frame["condition"] == "both"].merge(groups, on=["site", "case_id"])
    for name, group in table.groups.items():
        own = rows[rows["sex"] == name]
        p = own[P].to_numpy()
        auc = roc_auc_score(own["label"], p, multi_class="ovr")
        assert group.metrics["auc"].value == pytest.approx(auc)
        accuracy = accuracy_score(own["label"], p.argmax(axis=1))
        assert group.metrics["accuracy"].value == pytest.approx(accuracy)
        assert group.count.cases == len(own)
        assert group.count.by_class == tuple(np.bincount(own["label"], minlength=4))
        assert group.count.patients == len(own[["site", "patient_id"]].drop_duplicates())


def test_the_worst_is_the_lowest_or_for_an_error_the_highest():
    good = predictions({"a": 80}, skill={"both": 4.0})
    bad = predictions({"b": 80}, skill={"both": 0.5})
    frame = pd.concat([good, bad], ignore_index=True)
    table = table_of(frame, told(frame, lambda site, n: {"a": "x", "b": "y"}[site]))
    assert table.worst == {"auc": "y", "accuracy": "y", "nll": "y"}
    values = {name: group.metrics["nll"].value for name, group in table.groups.items()}
    assert values["y"] > values["x"]


def test_the_equity_scaled_auc_is_that_of_its_definition():
    found = equity_scaled(np.array([0.8]), [np.array([0.9]), np.array([0.7])])
    assert found == pytest.approx([0.8 / 1.2])
    assert equity_scaled(np.array([0.8]), [np.array([0.8])] * 3).tolist() == [0.8]
    frame = predictions({"a": 200})
    groups = told(frame, lambda site, n: "f" if n < 120 else "m")
    table = table_of(frame, groups, replicates=60)
    rows = frame[frame["condition"] == "both"]
    overall = roc_auc_score(rows["label"], rows[P], multi_class="ovr")
    apart = sum(abs(overall - group.metrics["auc"].value) for group in table.groups.values())
    estimate = table.equity_scaled_auc
    assert estimate.value == pytest.approx(overall / (1 + apart))
    assert estimate.low < estimate.high < overall + 0.05


def test_eyes_of_whom_nothing_is_known_are_shown_and_are_no_group():
    frame = predictions({"a": 120})
    names = {0: "", 1: "f", 2: "m"}
    groups = told(frame, lambda site, n: names[n % 3])
    table = table_of(frame, groups)
    assert list(table.groups) == ["f", "m", UNKNOWN]
    assert sum(group.count.cases for group in table.groups.values()) == 120
    assert UNKNOWN not in table.worst.values()
    known = frame[frame["case_id"].astype(int) % 3 > 0]
    assert table_of(known, groups).equity_scaled_auc == table.equity_scaled_auc
    untold = table_of(frame, groups[groups["sex"] != "m"])
    assert untold.groups[UNKNOWN].count.cases == 80  # of whom no row says anything


def test_small_groups_are_marked_and_kept():
    frame = predictions({"a": 203})
    groups = told(frame, lambda site, n: "rare" if n >= 200 else "usual")
    table = table_of(frame, groups, replicates=20)
    assert {name: group.small for name, group in table.groups.items()} == {
        "rare": True,
        "usual": False,
    }
    assert table.groups["rare"].count.cases == 3
    assert table.groups["rare"].metrics["accuracy"].value is not None


def test_one_group_is_not_the_worst_of_any():
    frame = predictions({"a": 60})
    table = table_of(frame, told(frame, lambda site, n: "f"))
    assert set(table.worst.values()) == {None}
    nobody = table_of(frame, told(frame, lambda site, n: ""), replicates=5)
    assert nobody.equity_scaled_auc.content() == {"value": None, "low": None, "high": None}


def test_the_order_of_rows_changes_nothing_and_own_models_have_no_groups():
    frame = predictions({"a": 60, "b": 40})
    groups = told(frame, lambda site, n: "f" if n % 2 else "m")
    one = table_of(frame, groups, 30).content()
    moved = table_of(frame.sample(frac=1, random_state=0), groups.iloc[::-1], 30).content()
    assert moved == one
    assert subgroups(frame.assign(model="m"), groups, "sex", METRICS, 0, generator) is None


def test_sites_that_differ_widen_the_intervals_of_a_group():
    tables = []
    for frame in unlike_sites():
        groups = frame[["site", "case_id"]].drop_duplicates()
        groups = groups.assign(sex=["f" if n % 3 else "m" for n in range(len(groups))])
        tables.append(table_of(frame, groups, replicates=300))
    apart, together = tables
    for name in ("f", "m"):
        wide, narrow = (table.groups[name].metrics["auc"] for table in tables)
        assert wide.value == narrow.value
        assert width(wide) > 1.5 * width(narrow)
        assert apart.groups[name].count == together.groups[name].count
    assert width(apart.equity_scaled_auc) > width(together.equity_scaled_auc)
