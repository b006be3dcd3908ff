"""Reduces `real_recipe` and `real_heads`: ``python -m benchmarks.recipe_choice runs/NAME --csv``.

Two tables, in points: what each variant brings beside the first at a source left out, and what it brings
by the sources that have a say where one is reported: the other of each pair that it is in. The table
beside them, `results/recipe_choice.csv`, has both studies: AUC of each source of each pair, over its
conditions and sites.
"""

import argparse
import csv
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from statistics import fmean, stdev

from fed.study.rows import POOLED, Row, from_csv

SOURCES = ("tvhl", "idrid", "rahim", "neh", "octdl", "kermany")
RESULTS = Path("results/recipe_choice.csv")
HEADER = ("variant", "seed", "source", "left_out_with", "auc")

Scores = Mapping[tuple[str, int, str, str], float]
"""AUC by variant, seed, source, and the source left out with it."""


def main() -> None:
    """Print the tables, and write them where asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", type=Path, help="folder of the finished study")
    parser.add_argument("--csv", action="store_true", help="write results/recipe_choice.csv")
    arguments = parser.parse_args()
    scores = scores_of(from_csv((arguments.study / "study.csv").read_text()))
    print(table(scores, brought(scores), "left out"))
    print(table(scores, with_a_say(scores), "reported"))
    if arguments.csv:
        write(scores, RESULTS)


def scores_of(rows: Iterable[Row]) -> Scores:
    """Return the AUC of each source left out: the mean over its sites, then over its conditions."""
    values: dict[tuple[str, int, str, str], dict[str, list[float]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for row in rows:
        if row.metric != "auc" or row.site == POOLED or row.value is None:
            continue
        levels = dict(level.split("=") for level in row.setting.split("; "))
        source = row.site.partition("-")[0]
        (other,) = (name for name in levels["left out"].split(", ") if name != source)
        values[levels["variant"], row.seed, source, other][row.condition].append(row.value)
    return {key: fmean(map(fmean, found.values())) for key, found in values.items()}


def brought(scores: Scores) -> dict[tuple[str, str], list[float]]:
    """Return gains over the first variant at each source, a number a seed."""
    return _gains(scores, lambda source, other: source)


def with_a_say(scores: Scores) -> dict[tuple[str, str], list[float]]:
    """Return gains at the sources that have a say where one is reported, a number a seed."""
    return _gains(scores, lambda source, other: other)


def table(scores: Scores, gains: Mapping[tuple[str, str], list[float]], what: str) -> str:
    """Return gains as Markdown: a variant a row, a source a column, mean and spread over seeds."""
    lines = [f"| {what} | {' | '.join(SOURCES)} | mean |", "|---" * (len(SOURCES) + 2) + "|"]
    for variant in dict.fromkeys(key[0] for key in scores):
        found = [gains[variant, source] for source in SOURCES]
        mean = fmean(map(fmean, found))
        cells = " | ".join(map(_spread, found))
        lines.append(f"| {variant} | {cells} | {100 * mean:+z.1f} |")
    return "\n".join(lines) + "\n"


def write(scores: Scores, path: Path) -> None:
    """Write the AUC of each source of each pair; rows of other variants stay."""
    variants = {variant for variant, *_ in scores}
    rows = [[*map(str, key), f"{value:.4f}"] for key, value in scores.items()]
    if path.is_file():
        with path.open(newline="") as file:
            kept = [row for row in csv.reader(file) if row[0] not in {*variants, HEADER[0]}]
        rows = kept + rows
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([HEADER, *rows])


def _gains(scores: Scores, by: Callable[[str, str], str]) -> dict[tuple[str, str], list[float]]:
    found: dict[tuple[str, str], dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    first = next(iter(scores))[0]
    for (variant, seed, source, other), value in scores.items():
        gain = value - scores[first, seed, source, other]
        found[variant, by(source, other)][seed].append(gain)
    return {key: [fmean(own) for own in seeds.values()] for key, seeds in found.items()}


def _spread(values: list[float]) -> str:
    spread = f" ± {100 * stdev(values):.1f}" if len(values) > 1 else ""
    return f"{100 * fmean(values):+z.1f}{spread}"


if __name__ == "__main__":
    main()
