"""No figure of a document changes unseen, and what the documents show runs."""

import re
import subprocess
import sys

import pytest

from fed.study.documents import (
    FIGURE,
    NOTED,
    README,
    ROOT,
    TEMPLATE,
    Figures,
    decimals_in_prose,
    figures_of,
    noted,
    pages,
    rendered,
)

WRITTEN = [path.relative_to(ROOT).as_posix() for path in pages()]


def text_of(name):
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def readme() -> str:
    """Return the README as its template and `results/` give it."""
    return rendered(text_of(TEMPLATE))


def mutations(text):
    """Yield the text with each figure shifted, a decimal by 0.1 and a whole number by 1."""
    for found in FIGURE.finditer(text):
        figure = found.group().replace(",", "")
        decimal = figure.count(".") == 1
        shifted = (
            f"{float(figure) + 0.1:g}" if decimal else f"{figure[:-1]}{(int(figure[-1]) + 1) % 10}"
        )
        yield f"{text[: found.start()]}{shifted}{text[found.end() :]}"


def test_the_readme_is_what_the_results_say(readme):
    assert text_of(README) == readme
    assert len(readme.splitlines()) <= 120


def test_a_figure_shifted_anywhere_in_the_readme_is_caught(readme):
    count = 0
    for mutant in mutations(text_of(README)):
        count += 1
        assert mutant != readme
    assert count > 50


@pytest.mark.parametrize("name", WRITTEN)
def test_the_figures_of_a_page_are_those_that_were_written_down(name):
    assert figures_of(text_of(name)) == noted()[name], (
        f"{name}: check each figure against its source, then run "
        "`python -m fed.study.documents write`"
    )


@pytest.mark.parametrize("name", WRITTEN)
def test_a_figure_shifted_anywhere_in_a_page_is_caught(name):
    known = noted()[name]
    text = re.sub(r"{{.*?}}", "", text_of(name))
    for mutant in mutations(text):
        assert figures_of(mutant) != known


def test_every_page_is_written_down():
    assert set(noted()) == set(WRITTEN), NOTED


def test_decimals_are_found_in_prose_and_nowhere_else():
    text = (
        "It gains 3.4 points (`lr: 0.2`), see [a page](page-1.5.md).\n"
        "```\npip install x==1.2\n```\nLosing -0.7 by Flower1.41 or 1.2.3.\n"
    )
    assert decimals_in_prose(text) == {"3.4", "0.7"}


def test_placeholders_are_means_and_paired_differences(tmp_path):
    from tests.fed.study.test_evidence import FIGURES, ROWS, STUDY, as_table

    for folder in ("results", "configs/studies"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "configs/studies/made_up.yaml").write_text(STUDY)
    (tmp_path / "results/made_up.csv").write_text(as_table(ROWS, FIGURES))
    figures = Figures(tmp_path)
    assert figures.mean("made_up", "experts", "both") == "85.0"
    assert figures.gain("made_up", "experts", "fedavg", "both") == "+10.0"
    stated = STUDY.replace("seeds", "endpoint: {method: experts, against: fedavg}, seeds")
    (tmp_path / "configs/studies/made_up.yaml").write_text(stated)
    assert figures.endpoint("made_up") == "+10.0 [+10.0, +10.0], differs, p = 0.000"
    text = '{{ mean("made_up", "fedavg", "both") }} of {{ presets() }}'
    assert rendered(text, tmp_path).startswith("75.0 of ")


def blocks(name, language):
    return re.findall(rf"```{language}\n(.*?)```", text_of(name), re.DOTALL)


SMALL = """
import fedrima.session
original = fedrima.session.load
def load(source, overrides):
    small = {"training.rounds": 2, "data.image_size": 32, "data.volume_size": [4, 32, 32],
             "evaluation.bootstrap": 20}
    for group in range(4):
        small |= {f"sites.{group}.cases": 8, f"sites.{group}.count": 1}
    return original(source, small | dict(overrides))
fedrima.session.load = load
"""
"""Makes the federations of the documents small, so that their code is quick."""


def test_the_python_of_the_readme_runs_from_another_folder(tmp_path):
    (code,) = blocks("README.md", "python")
    done = subprocess.run(
        [sys.executable, "-c", SMALL + code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "case_id" in done.stdout or "both" in done.stdout


def test_the_part_that_a_page_adds_runs(tmp_path, monkeypatch):
    import yaml

    from fed.config import load
    from fed.data.opening import open_source
    from server.simulation import simulate
    from tests.acceptance.methods import small

    package = tmp_path / "my_study"
    package.mkdir()
    code = "".join(blocks("docs/adding-a-part.md", "python"))
    (package / "parts.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    (method,) = blocks("docs/adding-a-part.md", "yaml")
    raw = small("fedrima").model_dump(mode="json") | yaml.safe_load(method)
    raw["training"]["rounds"] = 2
    config = load(raw)
    assert config.method.fill.by == 0.5
    simulate(config, open_source(config), tmp_path / "run", [])
    assert (tmp_path / "run" / "report.html").exists()
