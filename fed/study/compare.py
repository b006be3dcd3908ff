"""Finished runs compared: paired differences over what they have in common."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from fed.errors import ConfigError, DataError
from fed.metrics import Interval, Metric, metric
from fed.randomness import generator
from fed.results import Estimate, Run
from fed.study.arms import Arm, arms_of, differences
from fed.study.paired import bootstrap_difference, scores
from fed.study.shared import SharedCases, shared_cases
from fed.study.statistics import paired_difference

if TYPE_CHECKING:
    import pandas as pd

Basis = Literal["cases", "seeds"]

COLUMNS = (
    "run", "against", "condition", "metric", "basis", "seeds", "cases", "patients", "sites",
    "reference", "value", "difference", "low", "high", "p",
)  # fmt: skip


@dataclass(frozen=True)
class Line:
    """One metric of an arm and of the reference, on the cases that they share.

    Attributes
    ----------
    arm, against, condition, metric : str
    basis : {"cases", "seeds"}
        What the interval rests on: a bootstrap over the shared cases of one seed, by site and
        patient, or a paired t-interval over seeds.
    seeds, cases, patients, sites : int
        Pairs of runs, and what they share; of all seeds together.
    reference, value : float or None
        Of the shared cases; means over seeds.
    difference : Estimate
    p : float or None
        Of the paired t-test over seeds.
    """

    arm: str
    against: str
    condition: str
    metric: str
    basis: Basis
    seeds: int
    cases: int
    patients: int
    sites: int
    reference: float | None
    value: float | None
    difference: Estimate
    p: float | None = None


@dataclass(frozen=True)
class RunComparison:
    """What finished runs say of each other; the first arm is the reference.

    Attributes
    ----------
    arms : tuple of Arm
    lines : tuple of Line
    configurations : Mapping
        Keys in which the arms differ, with the value of each arm.
    cautions : tuple of str
        What must be known before trusting the lines.
    """

    arms: tuple[Arm, ...]
    lines: tuple[Line, ...]
    configurations: Mapping[str, tuple[str, ...]]
    cautions: tuple[str, ...]

    @property
    def reference(self) -> Arm:
        """The arm that the others are compared with."""
        return self.arms[0]

    @property
    def table(self) -> "pd.DataFrame":
        """All lines as a DataFrame, with the columns of ``compare.csv``."""
        import pandas as pd

        return pd.DataFrame([_cells(line) for line in self.lines], columns=list(COLUMNS))

    @property
    def csv(self) -> str:
        """All lines as the text of a CSV file; what is undefined is empty."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(_cells(line) for line in self.lines)
        return text.getvalue()


def compare(runs: Sequence[Run]) -> RunComparison:
    """Compare finished runs with the first of them.

    Runs whose configurations differ in their seeds alone form an arm. Arms with two seeds or more
    in common are compared by paired t-intervals over seeds, others by a paired bootstrap over the
    cases that both have graded, which resamples sites and, within them, patients.

    Raises
    ------
    ConfigError
        If there are fewer than two runs.
    DataError
        If they grade different classes, or a folder holds no finished run.
    """
    if len(runs) < 2:
        raise ConfigError("compare: give two finished runs or more")
    classes = runs[0].results.classes
    for run in runs:
        if run.results.classes != classes:
            raise DataError(
                f"{run.folder}: grades [{', '.join(run.results.classes)}]; compared runs grade the "
                f"same classes, and {runs[0].folder} grades [{', '.join(classes)}]"
            )
    arms = arms_of(runs)
    metrics, unknown = _metrics(runs)
    lines: list[Line] = []
    cautions = [f"{name} is left out: its code cannot be imported here" for name in unknown]
    for arm in arms[1:]:
        pairs = _pairs(arms[0], arm)
        shared = [(one, shared_cases(one, other)) for one, other in pairs]
        own = list(_lines(arms[0], arm, shared, metrics))
        lines += own
        if not own:
            cautions.append(
                f"{arm.name} and {arms[0].name} have graded no case in common, so nothing is paired"
            )
        elif len(arm.runs) > len(pairs) or len(arms[0].runs) > len(pairs):
            cautions.append(
                f"{arm.name} and {arms[0].name}: only the {len(pairs)} in common of their "
                f"{len(arm.runs)} and {len(arms[0].runs)} seeds are compared"
            )
    return RunComparison(arms, tuple(lines), differences(arms), tuple(cautions))


def _pairs(reference: Arm, arm: Arm) -> list[tuple[Run, Run]]:
    """Return the runs of equal seeds; where there are none, the first run of each."""
    common = [seed for seed in reference.by_seed if seed in arm.by_seed]
    if not common:
        return [(reference.runs[0], arm.runs[0])]
    return [(reference.by_seed[seed], arm.by_seed[seed]) for seed in common]


def _metrics(runs: Sequence[Run]) -> tuple[dict[str, Metric], list[str]]:
    """Return the metrics that all runs were scored with, and the names that nobody knows here."""
    tables = [run.results.held_out.pooled.values() for run in runs]
    names = dict.fromkeys(
        (*runs[0].results.shown, *(name for table in tables[0] for name in table))
    )
    of_all = [n for n in names if all(any(n in t for t in of_run) for of_run in tables)]
    found: dict[str, Metric] = {}
    unknown = []
    for name in of_all:
        try:
            found[name] = metric(name)
        except ConfigError:
            unknown.append(name)
    return found, unknown


def _lines(
    reference: Arm,
    arm: Arm,
    shared: Sequence[tuple[Run, Mapping[str, SharedCases]]],
    metrics: Mapping[str, Metric],
) -> Iterator[Line]:
    """Yield the lines of an arm, by condition and metric."""
    conditions = dict.fromkeys(condition for _, found in shared for condition in found)
    for condition in conditions:
        pairs = [(run, found[condition]) for run, found in shared if condition in found]
        values = [_values(cases, metrics) for _, cases in pairs]
        intervals = _intervals(*pairs[0], metrics, condition) if len(pairs) == 1 else {}
        for name in metrics:
            one, two = ([value[side][name] for value in values] for side in (0, 1))
            over = paired_difference(two, one)
            low, high = intervals.get(name, (over.low, over.high))
            yield Line(
                arm.name,
                reference.name,
                condition,
                name,
                basis="cases" if len(pairs) == 1 else "seeds",
                seeds=len(pairs),
                cases=sum(len(cases) for _, cases in pairs),
                patients=sum(len(set(cases.patients)) for _, cases in pairs),
                sites=sum(len(set(cases.sites)) for _, cases in pairs),
                reference=_mean(one),
                value=_mean(two),
                difference=Estimate(value=over.mean, low=low, high=high),
                p=over.p,
            )


def _values(
    cases: SharedCases, metrics: Mapping[str, Metric]
) -> tuple[dict[str, float | None], dict[str, float | None]]:
    """Return each metric of the reference and of the other run."""
    once = np.ones((len(cases), 1))
    one, two = (scores(cases, a, metrics, once) for a in (cases.reference, cases.other))
    return _defined(one), _defined(two)


def _intervals(
    run: Run, cases: SharedCases, metrics: Mapping[str, Metric], condition: str
) -> dict[str, Interval]:
    replicates = run.config.evaluation.bootstrap
    random = generator(run.results.seed, "compare", condition, "bootstrap")
    return bootstrap_difference(cases, metrics, replicates, random)


def _defined(values: Mapping[str, np.ndarray]) -> dict[str, float | None]:
    return {name: float(v[0]) if np.isfinite(v[0]) else None for name, v in values.items()}


def _mean(values: Sequence[float | None]) -> float | None:
    defined = [value for value in values if value is not None]
    return sum(defined) / len(defined) if defined else None


def _cells(line: Line) -> list[str | int | float | None]:
    difference = line.difference
    return [
        line.arm, line.against, line.condition, line.metric, line.basis, line.seeds, line.cases,
        line.patients, line.sites, line.reference, line.value, difference.value, difference.low,
        difference.high, line.p,
    ]  # fmt: skip
