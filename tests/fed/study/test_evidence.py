from pathlib import Path

import pytest

from fed.config.study import Study
from fed.errors import ConfigError
from fed.study import evidence
from fed.study.evidence import (
    MADE,
    ROOT,
    ages,
    as_table,
    differences,
    from_table,
    made,
    page,
)
from fed.study.rows import POOLED, Row, as_csv

STUDY = """# Two lines on
# what it does.
# About 1 minute.
name: made_up
sites:
  - {name: a, modalities: [fundus, oct], cases: 20}
  - {name: b, role: held_out, modalities: [fundus, oct], cases: 20}
study: {title: 'Which?', methods: [fedavg, experts], seeds: [100, 101]}
"""

FIGURES = Study(seeds=(0,)).figures


def row(method, seed, value, site=POOLED, metric="auc"):
    return Row(method, seed, "as configured", site, "both", metric, value)


ROWS = [
    row("fedavg", 100, 0.70004),
    row("fedavg", 101, 0.8),
    row("experts", 100, 0.8),
    row("experts", 101, 0.9),
    row("experts", 101, None, metric="qwk"),
]


@pytest.fixture
def root(tmp_path):
    for folder in ("results", "configs/studies"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "configs/studies/made_up.yaml").write_text(STUDY)
    (tmp_path / "results/made_up.csv").write_text(as_table(ROWS, FIGURES))
    return tmp_path


def test_a_table_may_be_stored_in_parts(root, tmp_path, monkeypatch):
    monkeypatch.setattr(evidence, "ROOT", root)
    part = tmp_path / "part"
    part.mkdir()
    (part / "config.yaml").write_text(STUDY.replace("100, 101", "101, 102"))
    new = [row("fedavg", 101, 0.5), row("fedavg", 102, 0.6)]
    (part / "study.csv").write_text(as_csv(new))
    evidence.store([part], add=True)
    found = from_table((root / "results/made_up.csv").read_text())
    values = {(each.method, each.seed): each.value for each in found if each.metric == "auc"}
    others = {("fedavg", 100): 0.7, ("experts", 100): 0.8, ("experts", 101): 0.9}
    assert values == others | {("fedavg", 101): 0.5, ("fedavg", 102): 0.6}
    evidence.store([part])
    assert len(from_table((root / "results/made_up.csv").read_text())) < len(found)


def test_tables_keep_four_digits_and_undefined_values():
    again = from_table(as_table(ROWS, FIGURES))
    assert again[0].value == 0.7
    assert row("experts", 101, None, metric="qwk") in again
    assert from_table(as_table(again, FIGURES)) == again


def test_intervals_are_kept_where_there_are_any():
    bounded = [Row(*_of("fedavg"), 0.7, 0.6, 0.8), Row(*_of("experts"), 0.9)]
    text = as_table([*bounded, row("fedavg", 100, 0.5, metric="qwk")], FIGURES)
    assert text.splitlines()[0].startswith(
        "method,seed,setting,site,condition,auc,auc_low,auc_high,qwk,accuracy"
    )
    again = [found for found in from_table(text) if found.metric == "auc"]
    assert again == bounded


def _of(method):
    return method, 100, "as configured", POOLED, "both", "auc"


def test_the_page_has_means_and_differences_in_points(root):
    text = page(root)
    assert "* [made_up: Which?](#made_up-which)\n" in text
    assert "## made_up: Which?" in text
    assert "Two lines on\nwhat it does." in text
    assert "About 1 minute" not in text
    assert "| fedavg | 75.0 ± 7.1 | – |" in text
    assert "| experts | 85.0 ± 7.1 | **+10.0 [+10.0, +10.0]** |" in text


def test_a_table_says_when_it_was_stored_if_that_is_noted(root):
    assert "Stored on" not in page(root)
    (root / MADE).write_text('{"made_up": {"stored": "2026-11-25", "commit": "dd5f27d"}}')
    assert "2 seeds, 100 to 101. Stored on 2026-11-25 at commit dd5f27d.\n" in page(root)
    assert "| made_up | 100 to 101 | 2026-11-25 | dd5f27d |" in ages(root)


def test_every_table_of_a_study_of_the_project_has_a_note_of_its_age():
    studies = {p.stem for p in (ROOT / "configs/studies").glob("*.yaml")}
    assert {p.stem for p in (ROOT / "results").glob("*.csv")} & studies == set(made(ROOT))


def test_a_study_of_one_arm_is_compared_with_nothing(root):
    (root / "results/made_up.csv").write_text(as_table(ROWS[:2], FIGURES))
    assert "| method | fundus and OCT |\n| --- | --- |\n| fedavg | 75.0 ± 7.1 |\n" in page(root)


def test_a_study_can_ask_for_more_tables_and_pairs(root):
    asked = "tables: [qwk], pairs: [[experts, fedavg]], seeds"
    source = root / "configs/studies/made_up.yaml"
    source.write_text(STUDY.replace("seeds", asked))
    kappas = [row("fedavg", s, 0.5, metric="qwk") for s in (100, 101)]
    kappas += [row("experts", s, 0.6 + s / 1e4, metric="qwk") for s in (100, 101)]
    aucs = [r for r in ROWS if r.metric == "auc"]
    (root / "results/made_up.csv").write_text(as_table([*aucs, *kappas], FIGURES))
    text = page(root)
    assert "Quadratic kappa, hundredths:\n\n| method |" in text
    assert "| as configured | experts – fedavg | AUC | +10.0 [+10.0, +10.0], differs |" in text
    assert "| as configured | experts – fedavg | Quadratic kappa | +11.0 [+10.9, +11.1] |" in text


def test_a_study_can_name_its_primary_endpoint(root):
    source = root / "configs/studies/made_up.yaml"
    asked = "endpoint: {method: experts, against: fedavg}, seeds"
    source.write_text(STUDY.replace("seeds", asked))
    text = page(root)
    assert (
        "averaged over the conditions, experts – fedavg; all other comparisons are secondary"
        in text
    )
    assert "* as configured: +10.0 [+10.0, +10.0], differs, p = 0.000" in text
    source.write_text(STUDY.replace("seeds", asked.replace("experts", "nobody")))
    with pytest.raises(ConfigError, match=r"study.endpoint: 'nobody' is not one of study.methods"):
        page(root)


def test_choices_come_last_with_settings_ranked_by_their_mean_over_methods(root):
    source = STUDY.replace("made_up", "choosing").replace(
        "[100, 101]", "[0, 1], select: validation"
    )
    source += "evaluation: {validation: 0.2}\n"
    (root / "configs/studies/choosing.yaml").write_text(source)
    settings = {"slow": (0.7, 0.8), "fast": (0.85, 0.75), "even": (0.7, 0.82)}
    rows = [
        Row(method, seed, setting, POOLED, "both", "auc", value)
        for setting, values in settings.items()
        for method, value in zip(("fedavg", "experts"), values, strict=True)
        for seed in (0, 1)
    ]
    (root / "results/choosing.csv").write_text(as_table(rows, FIGURES))
    text = page(root)
    assert text.index("## made_up") < text.index("## choosing")
    ranked = text.partition("## choosing")[2].splitlines()[-3:]
    assert ranked == [
        "| fast | 85.0 ± 0.0 | 75.0 ± 0.0 | 80.0 |",
        "| even | 70.0 ± 0.0 | 82.0 ± 0.0 | 76.0 |",
        "| slow | 70.0 ± 0.0 | 80.0 ± 0.0 | 75.0 |",
    ]
    (root / "results/choosing.csv").write_text(
        as_table(rows[:6], FIGURES)
    )  # experts lack a setting
    assert page(root).splitlines()[-1].startswith("| fast | 85.0 ± 0.0 | –")


def test_differences_are_of_pooled_figures_in_both():
    again = [row("fedavg", 100, 0.71), row("fedavg", 100, 0.1, site="b"), row("local", 100, 0.5)]
    assert differences(again, [row("fedavg", 100, 0.7), row("fedavg", 100, 0.9, site="b")]) == [
        pytest.approx(0.01)
    ]


def test_every_table_of_results_belongs_to_a_study_or_a_benchmark():
    for path in Path(ROOT / "results").glob("*.csv"):
        study = (ROOT / "configs/studies" / path.name).with_suffix(".yaml")
        benchmark = (ROOT / "benchmarks" / path.name).with_suffix(".py")
        assert study.exists() != benchmark.exists(), path.name
