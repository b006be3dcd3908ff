"""`report.html`: one page that needs nothing but itself."""

import os
import shlex
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from fed.judgement.triage import METRICS
from fed.metrics import Aspect
from fed.paths import paths_in_yaml, without_folders
from fed.report import equipment, models, onboarding, sets, subgroups, triage, words
from fed.report.costs import cost_panels
from fed.report.curves import loss_panels, score_panels
from fed.report.equipment import equipment_panels
from fed.report.federation import federation_rows
from fed.report.gallery import Sample, gallery
from fed.report.grading import calibration_panels, confusion_panels, forest_panels
from fed.report.notices import notices
from fed.report.operating import threshold_panels
from fed.report.participation import marks
from fed.report.sets import set_panels
from fed.report.style import CONDITION_VARIABLE, severity_colours
from fed.report.subgroups import subgroup_panels
from fed.report.triage import triage_panels, triage_rows
from fed.report.waiting import waiting_panels
from fed.report.words import MetricWords, metric_words
from fed.results import CONFIGURATION, Results, Run

ASPECTS: dict[Aspect, str] = {
    "order": "Order: are eyes with a grade ranked above those without?",
    "grades": "Grades: is the most probable grade the right one?",
    "probabilities": "Probabilities: is the model as sure as it is right?",
    "referral": "Referral: does it know which eyes to leave to others?",
    "other": "Others",
}
"""What a metric judges, in the order of the table."""


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
    return write_page("run.html", run_dir / "report.html", _content(Run.load(run_dir), samples))


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


def shell_path(path: Path, run_dir: Path) -> str:
    """Return a path as one types it: from here where it lies below, else from above the run."""
    path, here = path.absolute(), Path.cwd()
    start = here if path.is_relative_to(here) else run_dir.absolute().parent
    return shlex.quote(os.path.relpath(path, start))


def _content(run: Run, samples: Sequence[Sample]) -> dict[str, Any]:
    results = run.results
    found = notices(results, run.rounds)
    configuration = (run.folder / CONFIGURATION).read_text(encoding="utf-8")
    classes = results.classes
    return {
        "results": results,
        "configuration": without_folders(configuration, paths_in_yaml(configuration)),
        "configuration_path": shell_path(run.folder / CONFIGURATION, run.folder),
        "again": shell_path(run.folder.with_name(f"{run.folder.resolve().name}-again"), run.folder),
        "colours": CONDITION_VARIABLE,
        "class_colours": list(zip(classes, severity_colours(len(classes)), strict=True)),
        "rows": federation_rows(results.sites, classes),
        "gallery": gallery(samples),
        "losses": loss_panels(results, run.rounds),
        "scores": score_panels(results, run.rounds),
        "forests": forest_panels(results, results.headline),
        "thresholds": threshold_panels(run),
        "confusions": confusion_panels(run),
        "calibrations": calibration_panels(run),
        "costs": cost_panels(results),
        "marks": marks(results.to_accuracy),
        "waiting": waiting_panels(results.time),
        "notices": found,
        "troubles": [notice for notice in found if notice.items],
        "metrics": _by_aspect(results),
        "shown": {name: metric_words(name, len(classes)) for name in results.shown},
        "models": models,
        "onboarding": onboarding,
        "equipment": equipment,
        "equipment_panels": equipment_panels(results),
        "subgroups": subgroups,
        "subgroup_panels": {c: subgroup_panels(results, c) for c in results.subgroups or ()},
        "sets": sets,
        "set_panels": set_panels(results),
        "triage": triage,
        "triage_rows": triage_rows(results),
        "triage_panels": {metric: triage_panels(results, metric) for metric in METRICS},
    }


def _by_aspect(results: Results) -> dict[str, dict[str, MetricWords]]:
    """Return the metrics of a run by what they judge, the one to lead with first."""
    names = dict.fromkeys(
        name
        for scored in results.held_out.pooled.values()
        for name in (*(n for n in results.shown if n in scored), *scored)
    )
    words = {name: metric_words(name, len(results.classes)) for name in names}
    grouped = {
        title: {name: word for name, word in words.items() if word.aspect == aspect}
        for aspect, title in ASPECTS.items()
    }
    return {title: found for title, found in grouped.items() if found}
