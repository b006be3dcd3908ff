"""Studies as Markdown: the tables of the page of results and of the README."""

from collections.abc import Sequence
from statistics import fmean

from fed.config import Config
from fed.config.study import MARGIN, ONLY
from fed.report.words import MetricWords, counted, metric_words
from fed.study.page import ordered
from fed.study.plan import plan, reference
from fed.study.plots import given
from fed.study.rows import POOLED, Row
from fed.study.statistics import SIGNIFICANT, Difference, Mean, holm, mean_over, verdict
from fed.study.tables import (
    OVER_SEEDS,
    OVER_SETTINGS,
    Comparison,
    comparisons,
    endpoint,
    overall,
    pairs,
    ranking,
    summaries,
)

__all__ = [
    "INTRODUCTION",
    "POOLED",
    "choice_section",
    "contents",
    "crossed_table",
    "endpoint_words",
    "main_table",
    "overall_table",
    "pair_table",
    "settings_table",
    "study_section",
    "table",
]

INTRODUCTION = """# Results

This page is generated from the tables in `results/` when the site is built (`make docs`). `make
evidence` makes the tables anew from runs, `make evidence-check` re-runs a sample of them.

Every figure is of sites that took no part in training, but for the choices at the end, which were
made on validation splits of the training sites. A seed draws its own federation, initial
model and held-out sites; no choice was made on the seeds shown, unless a study says so. AUC (macro,
one against the rest) and differences in it are in points, hundredths. ± is the standard deviation between seeds.
Differences are paired by seed, with 95 % t-intervals; **bold** where p < 0.05 after Holm's
correction over all comparisons of the study by AUC. Few seeds make wide intervals: a difference
inside one is not shown to be none. A pair is called *equivalent* where two one-sided tests (p < 0.05) place its
difference within half a point, said to *differ* where p < 0.05 after Holm's correction over the pairs of
the study, and *undecided* where neither can be said.
"""


def contents(sections: Sequence[str]) -> str:
    """Return a list of links to the sections of a page, by their headings."""
    heads = [section.partition("\n")[0].removeprefix("## ") for section in sections]
    return "".join(f"* [{head}](#{_anchor(head)})\n" for head in heads)


def _anchor(heading: str) -> str:
    """Return the fragment that GitHub and others give a heading."""
    kept = (c for c in heading.lower() if c.isalnum() or c in " -_")
    return "".join(kept).replace(" ", "-")


def study_section(config: Config, rows: Sequence[Row], words: str, name: str, age: str = "") -> str:
    """Return the section of one study.

    Parameters
    ----------
    words : str
        What the study does, for people.
    name : str
        Of the files under `configs/studies/` and `results/`.
    age : str
        When its table was stored, as a sentence.
    """
    study = config.study
    assert study is not None
    others = [_words(config, metric) for metric in _others(config)]
    return "\n".join(
        [
            *_head(config, rows, words, name, age),
            *(
                f"{_words(config, metric).title}, hundredths:\n\n{main_table(config, rows, metric)}"
                for metric in (study.metric, *study.tables)
            ),
            *_endpoint(config, rows),
            *_pairs(config, rows),
            "Means of the other key figures, over seeds: "
            + ", ".join(f"{word.in_text} ({_way(word)})" for word in others)
            + f", and {_words(config, study.metric).title} at the worst held-out site in points.",
            "",
            _other_table(config, rows),
        ]
    )


def choice_section(
    config: Config, rows: Sequence[Row], words: str, name: str, age: str = ""
) -> str:
    """Return the section of a study that chooses a setting by validation, for all methods at once."""
    assert config.study is not None
    metric = config.study.metric
    found = dict(ranking(rows, metric))
    methods = list(dict.fromkeys(row.method for row in rows))
    lines = {}
    for setting in dict.fromkeys(setting for _, setting in found):
        means = [found.get((method, setting)) for method in methods]
        values = [mean.mean for mean in means if mean is not None and mean.mean is not None]
        of_all = fmean(values) if len(values) == len(methods) else None  # else not comparable
        cell = "–" if of_all is None else f"{100 * of_all:.1f}"
        lines[setting] = (of_all or 0.0, [setting, *map(_spread, means), cell])
    best_first = [cells for _, cells in sorted(lines.values(), key=lambda line: -line[0])]
    return "\n".join(
        [
            *_head(config, rows, words, name, age),
            f"{_words(config, metric).title} on validation splits of the training sites, averaged "
            "over the conditions, hundredths:",
            "",
            table(["setting", *methods, "mean of the methods"], best_first),
        ]
    )


def _head(config: Config, rows: Sequence[Row], words: str, name: str, age: str) -> list[str]:
    """Return what every section begins with: title, what the study does, where its table is from."""
    assert config.study is not None
    title = config.study.title
    seeds = sorted({row.seed for row in rows})
    return [
        f"## {name}: {title}" if title else f"## {name}",
        "",
        words,
        "",
        f"From `results/{name}.csv`, made by `python simulate.py configs/studies/{name}.yaml`; "
        f"{counted(len(seeds), 'seed')}, {seeds[0]} to {seeds[-1]}.{age}{_left_out(config, rows)}",
        "",
    ]


def _left_out(config: Config, rows: Sequence[Row]) -> str:
    """Say which methods and seeds of the study its table does not have yet."""
    assert config.study is not None
    run = {row.method for row in rows}
    seeds = {row.seed for row in rows}
    missing = [m for m in config.study.method_names if m not in run]
    missing += [f"seed {seed}" for seed in config.study.seeds if seed not in seeds]
    return f" **Not run yet:** {', '.join(missing)}." if missing else ""


def main_table(
    config: Config,
    rows: Sequence[Row],
    metric: str | None = None,
    methods: Sequence[str] | None = None,
) -> str:
    """Return a metric by arm and condition, beside its difference to the reference.

    The metric is that of the study where none is given. Of some methods alone, the correction is
    still that over all.
    """
    assert config.study is not None
    metric = metric or config.study.metric
    found = {
        (s.method, s.setting, s.condition): s.pooled for s in summaries(rows) if s.metric == metric
    }
    against = reference(config, plan(config))
    differences = {
        (c.method, c.setting, c.condition): c
        for c in comparisons(rows, against, [metric])
        if c.metric == metric
    }
    conditions = ordered(key[2] for key in found)
    arms = [arm for arm in _arms(config, rows) if methods is None or arm[0] in methods]
    compared = conditions if len(arms) > 1 else []
    head = [given(condition) for condition in conditions]
    head += [f"{given(condition)}, against {against}" for condition in compared]
    lines = [
        [
            *_labels(arm, rows),
            *(_spread(found.get((*arm, c))) for c in conditions),
            *(_difference(differences.get((*arm, c))) for c in compared),
        ]
        for arm in arms
    ]
    return table([*_label_heads(rows), *head], lines)


def settings_table(rows: Sequence[Row], condition: str, metric: str) -> str:
    """Return a metric by method, a column a setting, and the mean over the settings.

    A cell is the mean over seeds; in brackets the means of the bounds of the runs' intervals. ± is
    the standard deviation between settings. A setting that has no value has no column.
    """
    found: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if (row.site, row.condition, row.metric) == (POOLED, condition, metric):
            found.setdefault((row.method, row.setting), []).append(row)
    scored = {s for (_, s), held in found.items() if any(row.value is not None for row in held)}
    found = {key: held for key, held in found.items() if key[1] in scored}
    settings = dict.fromkeys(setting for _, setting in found)
    lines = []
    for method in dict.fromkeys(method for method, _ in found):
        cells = [found.get((method, setting), []) for setting in settings]
        means = [mean_over([row.value for row in cell]) for cell in cells]
        lows = [mean_over([row.low for row in cell]).mean for cell in cells]
        highs = [mean_over([row.high for row in cell]).mean for cell in cells]
        overall = mean_over([mean.mean for mean in means])
        by_setting = zip(means, lows, highs, strict=True)
        lines.append(
            [
                method,
                *(_bounded(mean.mean, low, high) for mean, low, high in by_setting),
                _spread(overall),
            ]
        )
    heads = [setting.rpartition("=")[2] for setting in settings]
    return table(["method", *heads, "mean"], lines)


def crossed_table(rows: Sequence[Row], condition: str, metric: str) -> str:
    """Return a metric of one method by two factors: a column a level of the first, a row one of the second.

    A cell is the mean over seeds, ± their standard deviation; so is the mean over the columns. A
    column that has no value is left out.
    """
    found: dict[tuple[str, str], dict[int, float]] = {}
    for row in rows:
        if (row.site, row.condition, row.metric) == (POOLED, condition, metric):
            column, level = (part.rpartition("=")[2] for part in row.setting.split("; "))
            if row.value is not None:
                found.setdefault((level, column), {})[row.seed] = row.value
    columns = dict.fromkeys(column for _, column in found)
    lines = []
    for level in dict.fromkeys(level for level, _ in found):
        cells = [found.get((level, column), {}) for column in columns]
        seeds = sorted(set.intersection(*map(set, cells)))
        overall = [sum(cell[seed] for cell in cells) / len(cells) for seed in seeds]
        shown = [*(list(cell.values()) for cell in cells), overall]
        lines.append([level, *(_spread(mean_over(values)) for values in shown)])
    names = rows[0].setting.split("; ") if rows else []
    return table([names[-1].partition("=")[0] if names else "", *columns, "mean"], lines)


def overall_table(config: Config, rows: Sequence[Row], metric: str | None = None) -> str:
    """Return each method's mean over settings and conditions, and its difference to the reference.

    ± is the standard deviation between seeds. The method of the primary endpoint is tested as it
    is, all others after Holm's correction over them. Of another metric than the study's only
    intervals are given.
    """
    study = config.study
    assert study is not None
    judged, metric = metric in (None, study.metric), metric or study.metric
    against = reference(config, plan(config))
    found = overall(rows, metric, against)
    primary = study.endpoint.method if study.endpoint else None
    margin = study.endpoint.margin if study.endpoint else MARGIN
    others = [method for method in found if method not in (against, primary)]
    tests = [found[method][1][OVER_SEEDS].p for method in others]
    p_values = dict(zip(others, holm(tests), strict=True))
    lines = []
    for method, (mean, difference) in found.items():
        cells = ["–", "–"]
        if method != against:
            seeds, settings = difference[OVER_SEEDS], difference[OVER_SETTINGS]
            p = p_values.get(method, seeds.p)
            cells = [_interval(seeds), _interval(settings)]
            if judged:
                cells = [_judged(seeds, p, margin), _judged(settings, settings.p, margin)]
        lines.append([method, _spread(mean), *cells])
    return table(
        ["method", "mean", *(f"– {against}, {o}" for o in (OVER_SEEDS, OVER_SETTINGS))], lines
    )


def _bounded(value: float | None, low: float | None, high: float | None) -> str:
    if value is None:
        return "–"
    ends = "" if low is None or high is None else f" [{100 * low:.1f}, {100 * high:.1f}]"
    return f"{100 * value:.1f}{ends}"


def _endpoint(config: Config, rows: Sequence[Row]) -> list[str]:
    """Return the primary endpoint of a study; nothing where it names none."""
    assert config.study is not None
    primary = config.study.endpoint
    if primary is None:
        return []
    words = _words(config, primary.metric).title
    lines = [
        f"Primary endpoint, stated before the runs: {words}, averaged over the conditions, "
        f"{primary.method} – {primary.against}; all other comparisons are secondary:",
        "",
    ]
    lines += [f"* {setting}: {words}" for setting, words in endpoint_words(config, rows).items()]
    return [*lines, ""]


def endpoint_words(config: Config, rows: Sequence[Row]) -> dict[str, str]:
    """Return what the primary endpoint of a study says, by setting; of one that names one."""
    assert config.study is not None
    primary = config.study.endpoint
    assert primary is not None
    return {
        setting: f"{_judged(found, found.p, primary.margin)}, p = {_three(found.p)}"
        for setting, found in endpoint(rows, primary).items()
    }


def _pairs(config: Config, rows: Sequence[Row]) -> list[str]:
    """Return the pairs that the study asks for, and how to read them; nothing where it asks none."""
    study = config.study
    assert study is not None
    if not study.pairs:
        return []
    return [
        f"Pairs, the first minus the second; of {_words(config, study.metric).title}, corrected for "
        "all pairs:",
        "",
        pair_table(config, rows),
    ]


def pair_table(config: Config, rows: Sequence[Row]) -> str:
    """Return the pairs that the study asks for by condition, and what its metric says of each."""
    study = config.study
    assert study is not None
    cells: dict[tuple[str, str, str], dict[str, str]] = {}
    for c in pairs(rows, study.pairs, (study.metric, *study.tables)):
        words = _judged(c.pooled, c.p_holm) if c.metric == study.metric else _interval(c.pooled)
        pair = f"{c.method} – {c.against}"
        cells.setdefault((c.setting, pair, c.metric), {})[c.condition] = words
    conditions = ordered({row.condition for row in rows})
    lines = [
        [setting, pair, _words(config, metric).title, *(own.get(c, "–") for c in conditions)]
        for (setting, pair, metric), own in cells.items()
    ]
    head = ["setting", "pair", "metric", *(given(condition) for condition in conditions)]
    return table(head, lines)


def _judged(difference: Difference, p: float | None, margin: float = MARGIN) -> str:
    """Return a difference with its interval and what it says."""
    if difference.mean is None or difference.sd is None:
        return _interval(difference)
    return f"{_interval(difference)}, {verdict(difference, p, margin)}"


def _other_table(config: Config, rows: Sequence[Row]) -> str:
    assert config.study is not None
    others = _others(config)
    found = {(s.method, s.setting, s.condition, s.metric): s for s in summaries(rows)}
    conditions = ordered(key[2] for key in found)
    lines = []
    for arm in _arms(config, rows):
        for condition in conditions:
            values = [found.get((*arm, condition, metric)) for metric in others]
            main = found.get((*arm, condition, config.study.metric))
            if main is None:
                continue
            means = ["–" if s is None else _three(s.pooled.mean) for s in values]
            worst = "–" if main.worst_site is None else f"{100 * main.worst_site:.1f}"
            lines.append([*_labels(arm, rows), given(condition), *means, worst])
    heads = [_words(config, metric).title for metric in others]
    return table([*_label_heads(rows), "given", *heads, "worst site"], lines)


def _arms(config: Config, rows: Sequence[Row]) -> list[tuple[str, str]]:
    """Return method and setting of every arm, in the order of the study."""
    settings = list(dict.fromkeys(run.setting for run in plan(config)))
    there = dict.fromkeys((row.method, row.setting) for row in rows if row.setting in settings)
    return sorted(there, key=lambda arm: settings.index(arm[1]))


def _labels(arm: tuple[str, str], rows: Sequence[Row]) -> list[str]:
    method, setting = arm
    return [method] if _one_setting(rows) else [setting, method]


def _label_heads(rows: Sequence[Row]) -> list[str]:
    return ["method"] if _one_setting(rows) else ["setting", "method"]


def _one_setting(rows: Sequence[Row]) -> bool:
    return all(row.setting == ONLY for row in rows)


def _spread(mean: Mean | None) -> str:
    if mean is None or mean.mean is None:
        return "–"
    spread = "" if mean.sd is None else f" ± {100 * mean.sd:.1f}"
    return f"{100 * mean.mean:.1f}{spread}"


def _difference(comparison: Comparison | None) -> str:
    if comparison is None or comparison.pooled.mean is None:
        return "–"
    words = _interval(comparison.pooled)
    certain = comparison.p_holm is not None and comparison.p_holm < SIGNIFICANT
    return f"**{words}**" if certain else words


def _interval(difference: Difference) -> str:
    text = f"{100 * (difference.mean or 0.0):+.1f}"
    if difference.low is None or difference.high is None:
        return text
    return f"{text} [{100 * difference.low:+.1f}, {100 * difference.high:+.1f}]"


def _three(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _others(config: Config) -> list[str]:
    assert config.study is not None
    return [name for name in config.study.figures if name != config.study.metric]


def _words(config: Config, metric: str) -> MetricWords:
    return metric_words(metric, len(config.task.classes))


def _way(words: MetricWords) -> str:
    return "higher is better" if words.higher_is_better else "lower is better"


def table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Return a table."""
    rows = [head, ["---"] * len(head), *lines]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in rows)
