"""The table at the end of a run."""

import io

from rich.console import Console

from fed.report import terminal_table
from tests.fed.report.synthetic import write_run


def printed(results, width: int = 110) -> str:
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(terminal_table(results))
    return console.export_text()


def test_shows_conditions_sites_and_intervals(tmp_path):
    results = write_run(tmp_path)
    text = printed(results)
    auc = results["held_out"]["pooled"]["fundus"]["auc"]
    assert f"{auc['value']:.3f} {auc['low']:.3f}–{auc['high']:.3f}" in text
    for name in ("fundus and OCT", "OCT only", "unseen-1", "unseen-4", "Quadratic kappa"):
        assert name in text


def test_an_undefined_metric_is_not_a_number(tmp_path):
    results = write_run(tmp_path)
    results["held_out"]["sites"]["unseen-2"]["oct"]["auc"] = {
        "value": None,
        "low": None,
        "high": None,
    }
    row = next(line for line in printed(results).splitlines() if "unseen-2" in line)
    assert row.rstrip().endswith("n/a")


def test_eighty_columns_cut_no_interval(tmp_path):
    results = write_run(tmp_path)
    text = printed(results, width=80)
    for metrics in results["held_out"]["pooled"].values():
        for name in ("auc", "balanced_accuracy", "qwk", "ece"):
            assert f"{metrics[name]['low']:.3f}–{metrics[name]['high']:.3f}" in text
