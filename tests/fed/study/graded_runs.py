"""Finished runs that grade given eyes with some skill, written without running anything."""

from pathlib import Path

import numpy as np

from fed.config import dump, load
from fed.results import PREDICTIONS, Run, write_predictions
from fed.study.compare import compare
from fed.study.compare_page import write_comparison
from tests.fed.report.synthetic import write_run
from tests.fed.study.synthetic import DEMO

CLASSES = 4
COLUMNS_OF = ["site", "case_id", "patient_id", "condition", "label", "p_0", "p_1", "p_2", "p_3"]


def eyes(seed, sites=("a", "b"), cases=40):
    """Return the rows of two eyes a patient: site, case, patient, label."""
    rng = np.random.default_rng([9, seed])
    return [
        (site, f"{n}", f"{n // 2}", int(rng.integers(CLASSES)))
        for site in sites
        for n in range(cases)
    ]


def write(folder, eyes, skill, method="fedrima", seed=0, changes=(), models=()):
    """Write a run that grades these eyes with some skill, given both; return it."""
    rng = np.random.default_rng([seed, len(method), round(10 * skill)])
    write_run(folder, method=method, seed=seed)
    config = load([DEMO], [f"method={method}", f"seed={seed}", "evaluation.bootstrap=60", *changes])
    (folder / "config.yaml").write_text(dump(config))
    rows = []
    for model in models or [None]:
        for site, case, patient, label in eyes:
            p = np.exp(rng.normal(size=CLASSES) + skill * (np.arange(CLASSES) == label))
            own = [] if model is None else [model]
            rows.append([site, case, patient, "both", label, *(p / p.sum()).tolist(), *own])
    write_predictions(folder / PREDICTIONS, COLUMNS_OF + ["model"] * bool(models), rows)
    return Run.load(folder)


def write_small_comparison(folder: Path) -> Path:
    """Write the page of three runs, two of them of two seeds; return it."""
    runs = [
        write(folder / f"{method}{seed}", eyes(seed), skill, method, seed)
        for method, skill, seeds in (
            ("fedavg", 1.0, (0, 1)),
            ("fedrima", 2.0, (0, 1)),
            ("experts", 1.5, (0,)),
        )
        for seed in seeds
    ]
    return write_comparison(compare(runs), folder)
