"""Absolute paths lose their folders; everything else is left as it is."""

import pytest

from fed.config import load
from fed.paths import paths_in_yaml, paths_of, without_folders
from tests.fed.config.test_loading import DEMO


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("/home/ana/eyes/manifest.csv: line 3", "…/manifest.csv: line 3"),
        ("data: {path: /eyes, source: manifest}", "data: {path: …/eyes, source: manifest}"),
        ("read '/my eyes/f 1.png' and /x/y.csv.", "read '…/f 1.png' and …/y.csv."),
        (r"C:\Users\ana\eyes.csv, row 7", "…/eyes.csv, row 7"),
        ("(/a/b/c)", "(…/c)"),
        ("/a/b/", "…/b"),
    ],
)
def test_the_last_part_of_an_absolute_path_is_left(text: str, told: str) -> None:
    assert without_folders(text) == told


@pytest.mark.parametrize(
    "text",
    [
        "fundus / OCT, and/or 1/2 of 3/4",
        "https://example.org/a/b",
        "eyes/f1.png, ../x/f1.png, runs/demo-s0/config.yaml",
        "site: 5 ms/case",
    ],
)
def test_what_is_no_absolute_path_is_left(text: str) -> None:
    assert without_folders(text) == text


def test_the_paths_in_a_yaml_text_are_found() -> None:
    text = "data:\n  path: /my eyes/of 2026/manifest.csv\n  source: manifest\n"
    assert paths_in_yaml(text) == ["/my eyes/of 2026/manifest.csv"]
    assert "  path: …/manifest.csv\n" in without_folders(text, paths_in_yaml(text))


def test_the_paths_of_a_configuration_are_found_whatever_blanks_they_have() -> None:
    path = "/my eyes/of 2026/manifest.csv"
    config = load([DEMO], ["data.source=manifest", f"data.path={path}"])
    assert paths_of(config) == [path]
    assert without_folders(f"{path}: no such file", paths_of(config)) == (
        "…/manifest.csv: no such file"
    )
