"""All that the runs of a study say, as typed values."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from fed.config import Config, Study
from fed.study import plan
from fed.study.plan import PlannedRun
from fed.study.rows import Row, rows_of
from fed.study.statistics import Mean
from fed.study.tables import Arm, Comparison, Summary, comparisons, ranking, summaries


@dataclass(frozen=True)
class Budget:
    """What each run of a method trained: the same for all, or said here."""

    method: str
    summary: str
    phases: tuple[tuple[str, int, int], ...]
    """Name, rounds, and local epochs a round."""
    megabytes: float
    """Sent, both ways, mean over runs."""
    seconds: float
    """Of one core, mean over runs, shared phases included."""


@dataclass(frozen=True)
class Findings:
    """All that the page of a study shows.

    Attributes
    ----------
    part : str
        ``held_out``; ``validation`` where choices are made.
    reference : str
        Method or setting that others are compared with.
    settings : tuple of str
    factor : str or None
        What is varied, if it is one thing.
    levels : Mapping
        Of each setting, the level of that factor.
    failed : Mapping
        Reasons, by the run's folder.
    confounds : Mapping
        Of each warning, in how many runs it was raised.
    """

    config: Config
    study: Study
    part: str
    reference: str
    settings: tuple[str, ...]
    factor: str | None
    levels: Mapping[str, str]
    rows: Sequence[Row]
    summaries: Sequence[Summary]
    comparisons: Sequence[Comparison]
    ranking: Sequence[tuple[Arm, Mean]]
    budgets: Sequence[Budget]
    failed: Mapping[str, str]
    confounds: Mapping[str, int]
    runs: int

    @property
    def quick(self) -> bool:
        """Whether this is the coarse version of the study."""
        return plan.is_quick(self.config)


def collect(
    config: Config, runs: Sequence[PlannedRun], directory: Path, failed: Mapping[str, str]
) -> Findings:
    """Read the results of runs and compute what they say."""
    study = config.study
    assert study is not None
    part = "validation" if study.select else "held_out"
    contents = {
        run.folder: json.loads((directory / run.folder / "results.json").read_text("utf-8"))
        for run in runs
    }
    rows = [row for run in runs for row in rows_of(run, contents[run.folder], part)]
    settings = tuple(dict.fromkeys(run.setting for run in runs))
    reference = plan.reference(config, plan.plan(config))
    factor = next(iter(study.vary)) if len(study.vary) == 1 else None
    warned: dict[str, int] = {}
    for content in contents.values():
        for words in content["confounds"]:
            warned[words] = warned.get(words, 0) + 1
    return Findings(
        config=config,
        study=study,
        part=part,
        reference=reference,
        settings=settings,
        factor=factor,
        levels={run.setting: run.levels[factor] for run in runs} if factor else {},
        rows=rows,
        summaries=summaries(rows),
        comparisons=comparisons(rows, reference),
        ranking=ranking(rows, study.metric) if study.select else (),
        budgets=_budgets(runs, contents, directory),
        failed=failed,
        confounds=warned,
        runs=len(runs),
    )


def _budgets(
    runs: Sequence[PlannedRun], contents: Mapping[str, Any], directory: Path
) -> list[Budget]:
    budgets = []
    for method in dict.fromkeys(run.method for run in runs):
        own = [run for run in runs if run.method == method]
        config = own[0].config
        lines = (directory / own[0].folder / "rounds.jsonl").read_text("utf-8").splitlines()
        rounds = Counter(json.loads(line)["phase"] for line in lines)
        sent = [contents[run.folder]["communication"] for run in own]
        wall = [contents[run.folder]["time"]["wall"] for run in own]
        budgets.append(
            Budget(
                method=method,
                summary=config.method.summary,
                phases=tuple(
                    (phase.name, rounds[phase.name], config.training.local_epochs * phase.epochs)
                    for phase in config.method.phases
                ),
                megabytes=fmean(s["down_bytes"] + s["up_bytes"] for s in sent) / 1e6,
                seconds=fmean(sum(v for k, v in w.items() if k != "total") for w in wall),
            )
        )
    return budgets
