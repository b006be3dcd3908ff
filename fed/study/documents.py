"""The documents: pages whose figures are filled in from `results/`, and the site made of them.

A page of `docs/` is Markdown with placeholders, ``{{ mean("main", "fedrima", "both") }}``; README.md
is what `docs/README.md.j2` gives. `python -m fed.study.documents write` renders README.md and notes
the figures that stand in the pages themselves; `site FOLDER` writes all pages, with the generated
ones, where mkdocs reads them.
"""

import importlib
import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from jinja2 import Environment, StrictUndefined

from fed.config.loading import METHODS
from fed.config.study import ONLY
from fed.storage import write_text
from fed.study import markdown
from fed.study.evidence import RESULTS, ROOT, ages, page, stored
from fed.study.options import options_page, parts_page
from fed.study.tables import Comparison, comparisons, summaries

DOCS, README = Path("docs"), Path("README.md")
TEMPLATE = DOCS / "README.md.j2"
NOTED = DOCS / "figures.json"
"""The figures of each page, in their order: written down a second time, so that none changes unseen."""
FIGURE = re.compile(r"\d+(?:[.,]\d+)*")
NOTEBOOK = "tutorial.ipynb"
"""A page whose code was run; ``tests/test_tutorial.py`` runs it again."""


def tutorial(root: Path) -> str:
    """Return the notebook as a page."""
    from nbconvert import MarkdownExporter  # only who builds the site has it

    body, _ = MarkdownExporter().from_filename(str(root / DOCS / NOTEBOOK))
    return str(body)


GENERATED: dict[str, Callable[[Path], str]] = {
    "tutorial.md": tutorial,
    "results.md": page,
    "options.md": lambda root: options_page(),
    "parts.md": lambda root: parts_page(),
}
"""Pages of the site that nobody writes."""

MEASURED = ("docs/onboarding.md", "docs/transport.md#Where it pays")
"""Pages, or sections, that cite measured decimals in prose: each must be in a table of the results."""
DECIMAL = re.compile(r"(?<![\w.])\d+\.\d+(?![\w.])")
NOT_PROSE = (
    r"```.*?```",  # commands and files
    r"`[^`]*`",  # keys and their values
    r"\]\([^)]*\)",  # addresses
)
CONVENTIONS = {"0.05"}
"""Significance, which nobody measures."""

command = typer.Typer(add_completion=False, rich_markup_mode=None)


class Figures:
    """What a page can fill in, by study, method and condition; the study's metric in hundredths.

    Parameters
    ----------
    root : Path
        With `results/` and `configs/studies/`.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def mean(
        self, study: str, method: str, condition: str, setting: str = ONLY, metric: str = ""
    ) -> str:
        """Return the mean over seeds, ``90.7``; of the study's metric where none is given."""
        config, rows = stored(self._root, study)
        assert config.study is not None
        means = {
            (s.method, s.setting, s.condition): s.pooled.mean
            for s in summaries(rows)
            if s.metric == (metric or config.study.metric)
        }
        return f"{100 * (means[method, setting, condition] or 0.0):.1f}"

    def gain(self, study: str, method: str, against: str, condition: str) -> str:
        """Return the mean of the paired differences, ``+4.2``."""
        return f"{100 * (self._compared(study, method, against, condition).pooled.mean or 0):+.1f}"

    def interval(self, study: str, method: str, against: str, condition: str) -> str:
        """Return the 95 % interval of the paired differences, ``+1.8 to +6.5``."""
        pooled = self._compared(study, method, against, condition).pooled
        return f"{100 * (pooled.low or 0):+.1f} to {100 * (pooled.high or 0):+.1f}"

    def endpoint(self, study: str, setting: str = ONLY) -> str:
        """Return what the primary endpoint says, ``+0.4 [-0.2, +1.0], undecided, p = 0.213``."""
        config, rows = stored(self._root, study)
        return markdown.endpoint_words(config, rows)[setting]

    def p_holm(self, study: str, method: str, against: str, condition: str) -> str:
        """Return the p value after Holm's correction over the study, ``0.16``."""
        return f"{self._compared(study, method, against, condition).p_holm or 0:.2f}"

    def table(self, study: str, *methods: str, metric: str | None = None) -> str:
        """Return the table of a study, or of some of its methods."""
        config, rows = stored(self._root, study)
        return markdown.main_table(config, rows, metric, methods or None).rstrip()

    def pairs(self, study: str) -> str:
        """Return the table of the pairs that a study compares, and what is said of them."""
        config, rows = stored(self._root, study)
        return markdown.pair_table(config, rows).rstrip()

    def seeds(self, study: str) -> str:
        """Return the seeds that a table has, ``200 to 204``."""
        seeds = sorted({row.seed for row in stored(self._root, study)[1]})
        return f"{seeds[0]} to {seeds[-1]}"

    def settings(self, study: str, condition: str, metric: str | None = None) -> str:
        """Return a metric by method and setting, with intervals; that of the study by default."""
        config, rows = stored(self._root, study)
        assert config.study is not None
        return markdown.settings_table(rows, condition, metric or config.study.metric).rstrip()

    def crossed(self, study: str, condition: str) -> str:
        """Return the study's metric of one method by the two factors that are varied."""
        config, rows = stored(self._root, study)
        assert config.study is not None
        return markdown.crossed_table(rows, condition, config.study.metric).rstrip()

    def overall(self, study: str, metric: str | None = None) -> str:
        """Return the mean over settings and conditions by method, with differences."""
        config, rows = stored(self._root, study)
        return markdown.overall_table(config, rows, metric).rstrip()

    def measured(self, benchmark: str) -> str:
        """Return what a benchmark says of its table in `results/`."""
        says = importlib.import_module(f"benchmarks.{benchmark}")
        return str(says.page(self._root / RESULTS / f"{benchmark}.csv")).rstrip()

    def ages(self) -> str:
        """Return which table was stored when, and from which seeds."""
        return ages(self._root).rstrip()

    def presets(self) -> str:
        """Return how many methods come with the program."""
        return str(len(list(METHODS.glob("*.yaml"))))

    def _compared(self, study: str, method: str, against: str, condition: str) -> Comparison:
        config, rows = stored(self._root, study)
        assert config.study is not None
        metric = config.study.metric
        found = [
            c
            for c in comparisons(rows, against, [metric])
            if (c.method, c.condition, c.metric) == (method, condition, metric)
        ]
        (one,) = found
        return one


def rendered(text: str, root: Path = ROOT) -> str:
    """Return a page with its placeholders filled in."""
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True)  # no HTML
    figures = Figures(root)
    known = {n: getattr(figures, n) for n in dir(figures) if not n.startswith("_")}
    return environment.from_string(text).render(known)


def pages(root: Path = ROOT) -> Iterator[Path]:
    """Yield the pages that people write, README's template among them."""
    yield from sorted((root / DOCS).rglob("*.md"))
    yield root / TEMPLATE


def figures_of(text: str) -> str:
    """Return all figures of a page in their order; those of placeholders are names, not figures."""
    return " ".join(FIGURE.findall(re.sub(r"{{.*?}}", "", text)))


def noted(root: Path = ROOT) -> dict[str, str]:
    """Return the figures of each page as they were written down."""
    found: dict[str, Any] = json.loads((root / NOTED).read_text(encoding="utf-8"))
    return found


def decimals_in_prose(text: str) -> set[str]:
    """Return the decimals that a page cites outside commands, keys and addresses."""
    for pattern in NOT_PROSE:
        text = re.sub(pattern, " ", text, flags=re.DOTALL)
    return set(DECIMAL.findall(text)) - CONVENTIONS


@command.command()
def check() -> None:
    """Fail where a page cites a decimal that is in no table of the results."""
    tables = set(DECIMAL.findall(page(ROOT)))
    wrong = []
    for where in MEASURED:
        name, _, heading = where.partition("#")
        text = (ROOT / name).read_text(encoding="utf-8")
        if heading:
            text = text.partition(f"## {heading}\n")[2].partition("\n#")[0]
        unknown = decimals_in_prose(text) - tables
        wrong += (
            [f"{where}: {', '.join(sorted(unknown))} in no table"] if unknown or not text else []
        )
    print("\n".join(wrong) or "every measured decimal is in a table")
    if wrong:
        raise typer.Exit(1)


@command.command()
def write() -> None:
    """Render README.md, and note the figures of the pages once they have been checked."""
    write_text(ROOT / README, rendered((ROOT / TEMPLATE).read_text(encoding="utf-8")))
    found = {
        path.relative_to(ROOT).as_posix(): figures_of(path.read_text(encoding="utf-8"))
        for path in pages()
    }
    write_text(ROOT / NOTED, json.dumps(found, indent=1) + "\n")
    print(f"{README}, {NOTED}")


@command.command()
def site(folder: Annotated[Path, typer.Argument(help="Emptied first.")]) -> None:
    """Write every page of the documentation site, as mkdocs reads them."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / DOCS, folder, ignore=shutil.ignore_patterns("*.j2", "*.json", NOTEBOOK))
    for path in folder.rglob("*.md"):
        text = path.read_text(encoding="utf-8").replace(f"({NOTEBOOK})", "(tutorial.md)")
        write_text(path, rendered(text))
    for name, make in GENERATED.items():
        write_text(folder / name, make(ROOT))
    print(folder)


if __name__ == "__main__":
    command()
