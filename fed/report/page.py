"""`report.html`: one page that needs nothing but itself."""

import os
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from fed.report import onboarding, words
from fed.report.costs import cost_panels
from fed.report.curves import loss_panels, score_panels
from fed.report.federation import federation_rows
from fed.report.gallery import Sample, gallery
from fed.report.grading import calibration_panels, confusion_panels, forest_panels
from fed.report.notices import notices
from fed.report.run import Estimate, Run, read_run
from fed.report.style import CONDITION_COLOUR, severity_colours
from fed.report.waiting import waiting_panels

SITE_METRICS = ("auc", "balanced_accuracy", "qwk", "ece")
"""Metrics tabulated for every held-out site; `results.json` has the others."""


def write_report(run_dir: Path, samples: Sequence[Sample]) -> Path:
    """Write the report of a finished run into its folder.

    Parameters
    ----------
    run_dir : Path
        Folder with ``results.json``, ``rounds.jsonl``, ``predictions.csv``, ``config.yaml``.
    samples : sequence of Sample
        Eyes to show; may be empty.

    Returns
    -------
    Path
        ``report.html``: no script, no request to anywhere.
    """
    return write_page("run.html", run_dir / "report.html", _content(read_run(run_dir), samples))


def write_page(template: str, path: Path, content: dict[str, Any]) -> Path:
    """Render one of the templates of this package to `path`, whole or not at all."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        loader=FunctionLoader(_template),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template(template).render(words=words, **content)
    unfinished = path.with_name(path.name + ".tmp")
    unfinished.write_text(page, encoding="utf-8")
    os.replace(unfinished, path)
    return path


def _template(name: str) -> str:
    """Return a template; they end in ``.md``, since a bundle of Flower's leaves out ``.html``."""
    return (files("fed.report") / "templates" / f"{name}.md").read_text(encoding="utf-8")


def _content(run: Run, samples: Sequence[Sample]) -> dict[str, Any]:
    results = run.results
    found = notices(results)
    return {
        "results": results,
        "configuration": run.configuration,
        "colours": CONDITION_COLOUR,
        "class_colours": list(
            zip(results.classes, severity_colours(len(results.classes)), strict=True)
        ),
        "rows": federation_rows(results.sites, results.classes),
        "gallery": gallery(samples),
        "losses": loss_panels(results, run.rounds),
        "scores": score_panels(run.rounds),
        "forests": forest_panels("auc", results.pooled, results.by_site),
        "confusions": confusion_panels(run.predictions, results.classes, results.conditions),
        "calibrations": calibration_panels(run.predictions, results.pooled, results.conditions),
        "costs": cost_panels(results, run.rounds),
        "participation": results.participation,
        "waiting": waiting_panels(results.participation),
        "notices": found,
        "troubles": [notice for notice in found if notice.items],
        "predictions": run.predictions,
        "site_metrics": SITE_METRICS,
        "undefined": Estimate(),
        "onboarding": onboarding,
    }
