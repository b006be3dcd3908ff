"""The documents' figures: small tables in `results/`, from which the pages are filled in.

`python -m fed.study.evidence store runs/evidence/*` reduces the studies of these folders to
`results/<name>.csv`; `check runs/sample` compares a study run again with what is stored. The pages
are made of these files by `fed.study.documents`.
"""

import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from fed.config import Config, load
from fed.errors import ConfigError, DataError, UserError
from fed.storage import write_json, write_text
from fed.study import markdown
from fed.study.plan import is_quick
from fed.study.rows import Row, from_csv

ROOT = Path(__file__).parents[2]
RESULTS, STUDIES = Path("results"), Path("configs/studies")
KEYS = ("method", "seed", "setting", "site", "condition")
LOW, HIGH = "_low", "_high"
"""Ends of the columns of an interval's bounds."""
MADE = RESULTS / "made.json"
"""When each table was stored, and by which state of the program: tables are not made anew with every change."""
DIGITS = 4
TOLERANCE = 0.02
"""Other processors round otherwise, and training amplifies it; a machine repeats its own figures."""

command = typer.Typer(add_completion=False, rich_markup_mode=None)


@dataclass(frozen=True)
class Made:
    """When a table was stored.

    Attributes
    ----------
    stored : str
        Day, UTC.
    commit : str
        Of the program that stored it; ``unknown`` outside of a checkout.
    """

    stored: str
    commit: str


def as_table(rows: Iterable[Row], figures: Sequence[str]) -> str:
    """Return some metrics of a study's rows as CSV: a line a run, site and condition.

    A metric is followed by the bounds of its interval, where some row has one.
    """
    lines: dict[tuple[object, ...], dict[str, float | None]] = {}
    bounded = set()
    for row in rows:
        if row.metric in figures:
            key = tuple(getattr(row, name) for name in KEYS)
            values = {row.metric: row.value, row.metric + LOW: row.low, row.metric + HIGH: row.high}
            lines.setdefault(key, {}).update(values)
            if row.low is not None:
                bounded.add(row.metric)
    columns = [
        name + end for name in figures for end in ("", LOW, HIGH) if not end or name in bounded
    ]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*KEYS, *columns])
    writer.writerows(
        [*key, *(_number(v.get(name)) for name in columns)] for key, v in lines.items()
    )
    return text.getvalue()


def from_table(text: str) -> list[Row]:
    """Return the rows that `as_table` wrote, rounded as it rounds them."""
    return [
        Row(
            method=line["method"],
            seed=int(line["seed"]),
            setting=line["setting"],
            site=line["site"],
            condition=line["condition"],
            metric=metric,
            value=_read_number(line[metric]),
            low=_read_number(line.get(metric + LOW)),
            high=_read_number(line.get(metric + HIGH)),
        )
        for line in csv.DictReader(io.StringIO(text))
        for metric in line
        if metric not in KEYS and not metric.endswith((LOW, HIGH))
    ]


def page(root: Path) -> str:
    """Return the page of all tables in `results/`."""
    sections: list[str] = []
    choices: list[str] = []
    known = made(root)
    for path in sorted((root / RESULTS).glob("*.csv")):
        source = root / STUDIES / f"{path.stem}.yaml"
        if not source.exists():  # the figures of a benchmark
            continue
        config, rows = stored(root, path.stem)
        if config.study is not None and config.study.select:
            section, of = markdown.choice_section, choices
        else:
            section, of = markdown.study_section, sections
        of.append(section(config, rows, _head(source), path.stem, _since(known.get(path.stem))))
    sections += choices
    return "\n".join([markdown.INTRODUCTION, markdown.contents(sections), *sections])


def differences(again: Sequence[Row], stored: Sequence[Row]) -> list[float]:
    """Return by how much pooled values differ that are in both, in the order of `again`."""
    known = {_place(row): row.value for row in stored}
    found = []
    for row in again:
        other = known.get(_place(row))
        if row.value is not None and other is not None and row.site == markdown.POOLED:
            found.append(abs(row.value - other))
    return found


@command.command()
def store(
    folders: Annotated[
        list[Path], typer.Argument(metavar="FOLDER ...", help="Of finished studies.")
    ],
    add: Annotated[
        bool, typer.Option("--add", help="Keep the runs that a table has and the folder has not.")
    ] = False,
) -> None:
    """Reduce studies to the small tables that the repository carries."""
    for folder in folders:
        config = load([folder / "config.yaml"])
        if config.study is None or is_quick(config):
            raise ConfigError(f"{folder}: results come from a whole study, not a coarse one")
        if not (ROOT / STUDIES / f"{config.name}.yaml").exists():
            raise ConfigError(f"{folder}: {STUDIES} has no study {config.name!r}")
        rows = list(from_csv(_read(folder / "study.csv")))
        table = ROOT / RESULTS / f"{config.name}.csv"
        if add and table.exists():
            again = {_run(row) for row in rows}
            rows = [row for row in from_table(_read(table)) if _run(row) not in again] + rows
        (ROOT / RESULTS).mkdir(exist_ok=True)
        write_text(table, as_table(rows, config.study.figures))
        now = Made(datetime.now(UTC).date().isoformat(), _commit(ROOT))
        known = made(ROOT) | {config.name: now}
        write_json(ROOT / MADE, {name: asdict(of) for name, of in sorted(known.items())})
        print(f"{RESULTS / config.name}.csv")


@command.command()
def check(
    folder: Annotated[Path, typer.Argument(help="Of a study, or a part of it, run again.")],
) -> None:
    """Compare a study run again with what is stored; exit code 3 where they differ."""
    config = load([folder / "config.yaml"])
    if config.study is None:
        raise ConfigError(f"{folder}: no study")
    again = from_table(as_table(from_csv(_read(folder / "study.csv")), config.study.figures))
    found = differences(again, from_table(_read(ROOT / RESULTS / f"{config.name}.csv")))
    if not found:
        raise DataError(f"{folder}: nothing in it is in {RESULTS}/{config.name}.csv")
    same = sum(difference == 0 for difference in found)
    print(f"{len(found)} figures compared: {same} the same, largest difference {max(found):.4f}")
    if max(found) > TOLERANCE:
        print(f"more than {TOLERANCE} apart", file=sys.stderr)
        raise typer.Exit(3)


def stored(root: Path, name: str) -> tuple[Config, list[Row]]:
    """Return a study of the project, and the rows of its table in `results/`."""
    config = load([root / STUDIES / f"{name}.yaml"])
    return config, from_table(_read(root / RESULTS / f"{name}.csv"))


def made(root: Path) -> dict[str, Made]:
    """Return when the table of each study was stored."""
    path = root / MADE
    noted = json.loads(_read(path)) if path.exists() else {}
    return {name: Made(**of) for name, of in noted.items()}


def ages(root: Path) -> str:
    """Return which table was stored when, from which seeds, as Markdown."""
    lines = []
    for name, of in sorted(made(root).items(), key=lambda item: (item[1].stored, item[0])):
        seeds = sorted({row.seed for row in stored(root, name)[1]})
        lines.append([name, f"{seeds[0]} to {seeds[-1]}", of.stored, of.commit])
    return markdown.table(["study", "seeds", "stored", "at commit"], lines)


def _since(known: Made | None) -> str:
    return "" if known is None else f" Stored on {known.stored} at commit {known.commit}."


def _commit(root: Path) -> str:
    asked = subprocess.run(
        ["git", "-C", str(root), "rev-parse", "--short=7", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
    )
    return asked.stdout.strip() if asked.returncode == 0 else "unknown"


def _head(path: Path) -> str:
    """Return what a study's file says of itself at its top, without how long it takes."""
    lines = []
    for line in _read(path).splitlines():
        if not line.startswith("#") or line.startswith("# About"):
            break
        lines.append(line.removeprefix("# "))
    return "\n".join(lines)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.{DIGITS}f}"


def _read_number(text: str | None) -> float | None:
    return float(text) if text else None


def _run(row: Row) -> tuple[str, int, str]:
    return (row.method, row.seed, row.setting)


def _place(row: Row) -> tuple[object, ...]:
    return (*_run(row), row.site, row.condition, row.metric)


if __name__ == "__main__":
    try:
        command(standalone_mode=False)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
