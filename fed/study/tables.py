"""What the rows of a study say: a summary of each arm, and its comparison with the reference.

An arm is a method under a setting. Where a study has several methods, each is compared with the
reference method under the same setting; where it has one, each setting with the baseline setting.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, pstdev

from fed.config.study import Endpoint
from fed.report.words import metric_words
from fed.study.rows import POOLED, Row
from fed.study.statistics import Difference, Mean, holm, mean_over, paired_difference

OVER_SEEDS, OVER_SETTINGS = "over seeds", "over settings"
"""What an interval of a mean over settings is over."""

Arm = tuple[str, str]
"""Method and setting."""


@dataclass(frozen=True)
class Summary:
    """One metric of an arm over its seeds.

    Attributes
    ----------
    pooled : Mean
        Of all held-out cases together.
    worst_site, site_spread : float or None
        Value of the worst site, and population standard deviation over sites, of each seed; means
        over seeds.
    """

    method: str
    setting: str
    condition: str
    metric: str
    pooled: Mean
    worst_site: float | None
    site_spread: float | None


@dataclass(frozen=True)
class Comparison:
    """One metric of an arm against the reference, paired by seed.

    Attributes
    ----------
    pooled : Difference
        Of all held-out cases together, over seeds.
    p_holm : float or None
        Its p-value, corrected for all comparisons of the study by the same metric.
    by_site : Difference
        Of the mean over sites, over seeds: each site counts alike.
    sites_better, sites : int
        Sites of all seeds at which the arm is the better one, and how many were compared.
    """

    method: str
    setting: str
    condition: str
    metric: str
    against: str
    pooled: Difference
    p_holm: float | None
    by_site: Difference
    sites_better: int
    sites: int


Key = tuple[str, str, str, str]
"""Method, setting, condition, metric."""


class SeedScores:
    """The rows of a study, found by arm, condition, metric, site and seed."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._values: dict[Key, dict[str, dict[int, float | None]]] = defaultdict(
            lambda: defaultdict(dict)
        )
        for row in rows:
            key = (row.method, row.setting, row.condition, row.metric)
            self._values[key][row.site][row.seed] = row.value

    def cells(self) -> list[Key]:
        """Return every (method, setting, condition, metric), in the order of the rows."""
        return list(self._values)

    def seeds(self, key: Key) -> list[int]:
        """Return the seeds that an arm was run with."""
        return sorted(self._values[key][POOLED]) if key in self._values else []

    def pooled(self, key: Key, seeds: Sequence[int]) -> list[float | None]:
        """Return the value of all held-out cases together, a number a seed."""
        return [self._values[key][POOLED].get(seed) for seed in seeds]

    def sites(self, key: Key, seed: int) -> dict[str, float]:
        """Return the values of the sites, where they are defined."""
        found = {
            site: values.get(seed) for site, values in self._values[key].items() if site != POOLED
        }
        return {site: value for site, value in found.items() if value is not None}


def summaries(rows: Iterable[Row]) -> list[Summary]:
    """Return a summary of each arm, condition and metric, in the order of the rows."""
    scores = SeedScores(rows)
    return [_summary(scores, key) for key in scores.cells()]


def comparisons(
    rows: Iterable[Row], reference: str, figures: Sequence[str] | None = None
) -> list[Comparison]:
    """Compare every other arm with the reference, by condition and metric.

    Parameters
    ----------
    reference : str
        A method where the rows have several, a setting where they have one.
    figures : sequence of str, optional
        The metrics compared; all where not given.
    """
    scores = SeedScores(rows)
    keys = [key for key in scores.cells() if figures is None or key[3] in figures]
    one_method = len({method for method, *_ in keys}) == 1
    found = []
    for method, setting, condition, metric in keys:
        other: Arm = (method, reference) if one_method else (reference, setting)
        if (method, setting) != other:
            key, against = (method, setting, condition, metric), (*other, condition, metric)
            found.append(_comparison(scores, key, against, reference))
    return _corrected(found)


def endpoint(rows: Iterable[Row], endpoint: Endpoint) -> dict[str, Difference]:
    """Return the primary endpoint under each setting: a metric averaged over the conditions.

    A seed counts where both methods have the metric under the same conditions. Where the endpoint
    is over settings, it is their mean, with an interval `OVER_SEEDS` and one `OVER_SETTINGS`.
    """
    found = _by_setting(rows, endpoint.metric, endpoint.method, endpoint.against)
    if endpoint.over_settings:
        return _over_settings(found)
    return {
        setting: paired_difference(list(seeds.values()), [0.0] * len(seeds))
        for setting, seeds in found.items()
    }


def overall(
    rows: Sequence[Row], metric: str, against: str
) -> dict[str, tuple[Mean, Mapping[str, Difference]]]:
    """Return each method's mean over settings and conditions, and its difference to one of them.

    The mean has its spread over seeds; the difference is as `endpoint` over settings has it.
    """
    found: dict[str, tuple[Mean, Mapping[str, Difference]]] = {}
    for method in dict.fromkeys(row.method for row in rows):
        own = _over_settings(_by_setting(rows, metric, method, None))[OVER_SEEDS]
        found[method] = own, _over_settings(_by_setting(rows, metric, method, against))
    return found


def _by_setting(
    rows: Iterable[Row], metric: str, method: str, against: str | None
) -> dict[str, dict[int, float]]:
    """Return a metric by setting and seed, averaged over the conditions, less that of another."""
    values: dict[tuple[str, str], dict[int, dict[str, float]]] = defaultdict(
        lambda: defaultdict(dict)
    )
    for row in rows:
        if row.metric == metric and row.site == POOLED and row.value is not None:
            values[row.setting, row.method][row.seed][row.condition] = row.value
    found: dict[str, dict[int, float]] = {}
    for setting in dict.fromkeys(setting for setting, _ in values):
        own, other = values[setting, method], values[setting, against or method]
        found[setting] = {
            seed: fmean(own[seed].values()) - (fmean(other[seed].values()) if against else 0.0)
            for seed in sorted(own)
            if own[seed].keys() == other[seed].keys()
        }
    return found


def _over_settings(found: Mapping[str, Mapping[int, float]]) -> dict[str, Difference]:
    """Return the mean over settings of what is given by setting and seed.

    Only seeds that every setting has count.
    """
    seeds = sorted(set.intersection(*(set(by_seed) for by_seed in found.values())))
    by_seed = [fmean(found[setting][seed] for setting in found) for seed in seeds]
    by_setting = [fmean(of[seed] for seed in seeds) for of in found.values()] if seeds else []
    return {
        OVER_SEEDS: paired_difference(by_seed, [0.0] * len(by_seed)),
        OVER_SETTINGS: paired_difference(by_setting, [0.0] * len(by_setting)),
    }


def pairs(
    rows: Sequence[Row], asked: Iterable[tuple[str, str]], figures: Sequence[str]
) -> list[Comparison]:
    """Compare two methods each, by setting, condition and metric; p is corrected over all pairs.

    A pair one of which was not run is left out.
    """
    run = {row.method for row in rows}
    return _corrected(
        [
            comparison
            for one, other in asked
            if {one, other} <= run
            for comparison in comparisons(
                [row for row in rows if row.method in (one, other)], other, figures
            )
        ]
    )


def ranking(rows: Iterable[Row], metric: str) -> list[tuple[Arm, Mean]]:
    """Rank the arms by a metric, averaged over the conditions of each seed; the best first."""
    by_arm: dict[Arm, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        if row.metric == metric and row.site == POOLED and row.value is not None:
            by_arm[row.method, row.setting][row.seed].append(row.value)
    means = {
        arm: mean_over([fmean(values) for _, values in sorted(seeds.items())])
        for arm, seeds in by_arm.items()
    }
    sign = 1 if higher_is_better(metric) else -1
    return sorted(means.items(), key=lambda item: -sign * (item[1].mean or 0.0))


def higher_is_better(metric: str) -> bool:
    """Return which way a metric is better; unknown ones count as better when higher."""
    return metric_words(metric, 0).higher_is_better


def _summary(scores: SeedScores, key: Key) -> Summary:
    seeds = scores.seeds(key)
    sites = [list(scores.sites(key, seed).values()) for seed in seeds]
    sites = [values for values in sites if values]
    worst = min if higher_is_better(key[3]) else max
    return Summary(
        *key,
        pooled=mean_over(scores.pooled(key, seeds)),
        worst_site=fmean(worst(values) for values in sites) if sites else None,
        site_spread=fmean(pstdev(values) for values in sites) if sites else None,
    )


def _comparison(
    scores: SeedScores,
    key: Key,
    against: Key,
    reference: str,
) -> Comparison:
    seeds = [seed for seed in scores.seeds(key) if seed in scores.seeds(against)]
    differences: list[float] = []
    means: list[float | None] = []
    for seed in seeds:
        own, other = scores.sites(key, seed), scores.sites(against, seed)
        here = [own[site] - other[site] for site in own if site in other]
        differences += here
        means.append(fmean(here) if here else None)
    sign = 1 if higher_is_better(key[3]) else -1
    return Comparison(
        *key,
        against=reference,
        pooled=paired_difference(scores.pooled(key, seeds), scores.pooled(against, seeds)),
        p_holm=None,
        by_site=paired_difference(means, [0.0] * len(means)),
        sites_better=sum(sign * difference > 0 for difference in differences),
        sites=len(differences),
    )


def _corrected(found: Sequence[Comparison]) -> list[Comparison]:
    by_metric: Mapping[str, list[int]] = defaultdict(list)
    for i, comparison in enumerate(found):
        by_metric[comparison.metric].append(i)
    corrected = list(found)
    for places in by_metric.values():
        for i, p in zip(places, holm([found[i].pooled.p for i in places]), strict=True):
            corrected[i] = replace(found[i], p_holm=p)
    return corrected
