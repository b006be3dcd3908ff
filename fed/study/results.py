"""Write what a study says: ``study.csv``, ``study.json`` and ``study.html``."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fed.config import Config
from fed.storage import write_json, write_text
from fed.study.findings import Findings, collect
from fed.study.page import write_study_page
from fed.study.plan import PlannedRun
from fed.study.rows import as_csv

SCHEMA = 1


def write_study(
    config: Config, runs: Sequence[PlannedRun], directory: Path, failed: Mapping[str, str]
) -> Path:
    """Write what the finished runs say; return the page.

    Parameters
    ----------
    runs : sequence of PlannedRun
        The finished ones.
    failed : mapping
        Why a run did not finish, by its folder.
    """
    found = collect(config, runs, directory, failed)
    write_text(directory / "study.csv", as_csv(found.rows))
    write_json(directory / "study.json", _content(found, runs))
    return write_study_page(found, directory / "study.html")


def _content(found: Findings, runs: Sequence[PlannedRun]) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "name": found.config.name,
        "title": found.study.title,
        "quick": found.quick,
        "part": found.part,
        "reference": found.reference,
        "methods": [asdict(budget) for budget in found.budgets],
        "settings": list(found.settings),
        "seeds": list(found.study.seeds),
        "trials": found.study.trials,
        "runs": [
            {
                "folder": run.folder,
                "method": run.method,
                "seed": run.seed,
                "setting": run.setting,
                "levels": dict(run.levels),
                "identity": run.identity,
            }
            for run in runs
        ],
        "failed": dict(found.failed),
        "confounds": dict(found.confounds),
        "summaries": [asdict(summary) for summary in found.summaries],
        "comparisons": [asdict(comparison) for comparison in found.comparisons],
        "endpoint": {setting: asdict(difference) for setting, difference in found.endpoint.items()},
        "pairs": [asdict(pair) for pair in found.pairs],
        "ranking": [
            {"method": method, "setting": setting} | asdict(mean)
            for (method, setting), mean in found.ranking
        ],
    }
