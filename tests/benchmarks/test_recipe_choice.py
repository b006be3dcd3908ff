"""The choice of a recipe by sources left out twice: its tables, worked by hand."""

import csv

import pytest

from benchmarks.recipe_choice import brought, scores_of, with_a_say, write
from fed.study.rows import POOLED, Row


def rows(variant, pair, values, seed=0):
    setting = f"variant={variant}; left out={pair}"
    return [
        Row("experts", seed, setting, site, condition, metric, value)
        for (site, condition), value in values.items()
        for metric in ("auc", "qwk")
    ]


OTHERS = ("idrid", "rahim", "neh", "octdl", "kermany")


def study(gain):
    found = []
    for variant, more in (("recipe", 0.0), ("bold", gain)):
        values = {("tvhl-1", "both"): 0.6 + more, ("tvhl-2", "both"): 0.8, ("tvhl-1", "oct"): 0.9}
        for other in OTHERS:
            found += rows(variant, f"tvhl, {other}", {**values, (other, "oct"): 0.5 - more})
    return [
        *found,
        Row("experts", 0, "variant=recipe; left out=tvhl, neh", POOLED, "oct", "auc", 0.1),
    ]


def test_a_source_counts_by_the_mean_over_sites_then_over_conditions():
    scores = scores_of(study(0.0))
    assert scores["recipe", 0, "tvhl", "neh"] == pytest.approx(((0.6 + 0.8) / 2 + 0.9) / 2)
    assert scores["recipe", 0, "neh", "tvhl"] == 0.5


def test_of_a_pair_the_other_source_has_the_say():
    scores = scores_of(study(0.2))
    assert brought(scores)["bold", "neh"] == pytest.approx([-0.2])
    assert brought(scores)["bold", "tvhl"] == pytest.approx([0.05])
    assert with_a_say(scores)["bold", "neh"] == pytest.approx(
        [0.05]
    )  # tvhl's, when neh is reported
    assert with_a_say(scores)["bold", "tvhl"] == pytest.approx([-0.2])


def test_the_table_has_a_line_a_source_of_a_pair(tmp_path):
    write(scores_of(study(0.1)), tmp_path / "choice.csv")
    with (tmp_path / "choice.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 2 * 2 * len(OTHERS)
    assert {line["left_out_with"] for line in lines if line["source"] == "neh"} == {"tvhl"}


def test_rows_of_another_study_stay_and_those_of_the_same_are_made_anew(tmp_path):
    path = tmp_path / "choice.csv"
    write({("trained", 0, "tvhl", "neh"): 0.5, ("bold", 0, "tvhl", "neh"): 0.1}, path)
    write({("bold", 0, "tvhl", "neh"): 0.7}, path)
    with path.open() as file:
        found = {line["variant"]: line["auc"] for line in csv.DictReader(file)}
    assert found == {"trained": "0.5000", "bold": "0.7000"}
