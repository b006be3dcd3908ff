"""All that the runs of a study say, as typed values."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from fed.config import Config, Study
from fed.results import Run
from fed.study import plan
from fed.study.plan import PlannedRun
from fed.study.rows import Row, rows_of
from fed.study.statistics import Difference, Mean
from fed.study.tables import (
    Arm,
    Comparison,
    Summary,
    comparisons,
    endpoint,
    pairs,
    ranking,
    summaries,
)


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
    endpoint : Mapping
        The primary endpoint of each setting, if the study names one.
    pairs : sequence of Comparison
        What the study compares beside its reference, by its metric.
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
    endpoint: Mapping[str, Difference]
    pairs: Sequence[Comparison]
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
    finished = {run.folder: Run.load(directory / run.folder) for run in runs}
    rows = [row for run in runs for row in rows_of(run, finished[run.folder].results, part)]
    settings = tuple(dict.fromkeys(run.setting for run in runs))
    reference = plan.reference(config, plan.plan(config))
    factor = next(iter(study.vary)) if len(study.vary) == 1 else None
    warned: dict[str, int] = {}
    for found in finished.values():
        for words in found.results.confounds:
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
        comparisons=comparisons(rows, reference, study.figures),
        ranking=ranking(rows, study.metric) if study.select else (),
        endpoint={} if study.endpoint is None else endpoint(rows, study.endpoint),
        pairs=pairs(rows, study.pairs, [study.metric]),
        budgets=_budgets(runs, finished),
        failed=failed,
        confounds=warned,
        runs=len(runs),
    )


def _budgets(runs: Sequence[PlannedRun], finished: Mapping[str, Run]) -> list[Budget]:
    budgets = []
    for method in dict.fromkeys(run.method for run in runs):
        own = [run for run in runs if run.method == method]
        config, of_all = own[0].config, [finished[run.folder].results for run in own]
        rounds = Counter(line.phase for line in finished[own[0].folder].rounds)
        budgets.append(
            Budget(
                method=method,
                summary=config.method.summary,
                phases=tuple(
                    (phase.name, rounds[phase.name], config.training.local_epochs * phase.epochs)
                    for phase in config.method.phases
                ),
                megabytes=fmean(
                    r.communication.down_bytes + r.communication.up_bytes for r in of_all
                )
                / 1e6,
                seconds=fmean(sum(r.time.phases.values()) for r in of_all),
            )
        )
    return budgets
