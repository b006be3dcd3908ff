"""Graded eyes with both images, for the tests of judgements."""

from typing import Any

import numpy as np
import pandas as pd

from fed.results import Estimate

SKILL = {"both": 2.2, "fundus": 1.0, "oct": 1.4}


def predictions(
    sites: dict[str, int],
    classes: int = 4,
    seed: int = 0,
    skill: dict[str, float] | None = None,
    mix: list[float] | None = None,
) -> pd.DataFrame:
    """Return a table like ``predictions.csv``: `sites` says how many eyes each has, two a patient."""
    rng = np.random.default_rng(seed)
    rows: list[list[Any]] = []
    for site, n in sites.items():
        labels = np.concatenate([np.arange(classes), rng.choice(classes, n - classes, p=mix)])
        for condition, strength in (skill or SKILL).items():
            logits = rng.normal(size=(n, classes)) + strength * np.eye(classes)[labels]
            p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
            rows += [
                [site, str(i), str(i // 2), condition, int(labels[i]), *p[i].tolist()]
                for i in range(n)
            ]
    columns = ["site", "case_id", "patient_id", "condition", "label"]
    return pd.DataFrame(rows, columns=columns + [f"p_{k}" for k in range(classes)])


def unlike_sites() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a table of six sites, of which two are graded far worse, and the same eyes of one."""
    good = predictions({"a": 60, "b": 60, "c": 60, "d": 60})
    # The second image spoils what the first has told.
    bad = predictions({"e": 60, "f": 60}, seed=1, skill={"both": -2.0, "fundus": 0.5, "oct": 0.0})
    apart = pd.concat([good, bad], ignore_index=True)
    ids = {c: apart["site"] + apart[c] for c in ("case_id", "patient_id")}
    return apart, apart.assign(site="one", **ids)


def width(estimate: Estimate) -> float:
    """Return how wide an interval is."""
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.high - estimate.low
