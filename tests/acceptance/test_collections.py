"""From the files of a published collection to the report, through `simulate.py`."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from fed.data import reading
from simulate import command
from tests.acceptance.federations import ROOT
from tests.acceptance.published_collections import COLLECTIONS, Written
from tests.fed.data.collections.conftest import shuffled  # noqa: F401
from tests.fed.data.collections.files import one_hot, picture, sheet

SMALL = [
    "data.image_size=32",
    "data.volume_size=[12,16,16]",
    "model={scale: small}",
    "training.rounds=2",
    "training.local_epochs=1",
    "evaluation={every: 2, bootstrap: 20}",
    "engine.workers=1",
]


def simulate(config: str, written: Written, *arguments: object, prepared: bool = False) -> Any:
    """Run a configuration of the project on a collection, brought to tiny images."""
    folder = written.path.parent / "prepared" if prepared else "null"
    settings = [f"data.path={written.path}", f"data.prepared={folder}", *SMALL]
    settings = [word for setting in settings for word in ("--set", setting)]
    path = str(ROOT / "configs" / f"{config}.yaml")
    return CliRunner().invoke(command, [path, *settings, *map(str, arguments), "--quiet"])


def predictions(run: Path) -> list[dict[str, str]]:
    with (run / "predictions.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("config", COLLECTIONS)
def test_prepared_once_a_collection_trains_and_reports_without_its_images(
    config: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = COLLECTIONS[config](tmp_path)
    unprepared = simulate(config, written, "--out", tmp_path / "run", prepared=True)
    assert unprepared.exit_code == 2
    assert "--prepare" in unprepared.stderr
    done = simulate(config, written, "--prepare", prepared=True)
    assert done.exit_code == 0, done.output

    def refuse(*_: object) -> None:
        raise AssertionError("a source image was opened")

    for name in ("read_fundus", "read_oct", "load_fundus", "load_oct"):
        monkeypatch.setattr(reading, name, refuse)
    done = simulate(config, written, "--out", tmp_path / "run", prepared=True)
    assert done.exit_code == 0, done.output
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert set(results["held_out"]["pooled"]) == {"both", "fundus", "oct"}
    assert results["failures"] == []
    assert "pseudo-sites" in results["warnings"][0]
    assert "pseudo-sites" in (tmp_path / "run" / "report.html").read_text()
    rows = predictions(tmp_path / "run")
    assert {row["case_id"]: int(row["label"]) for row in rows}.items() <= written.grades.items()
    if written.held_out:
        assert {row["case_id"] for row in rows} == written.held_out


@pytest.mark.usefixtures("shuffled")
def test_the_order_of_directories_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = COLLECTIONS["gamma"](tmp_path)
    for name in ("shuffled", "sorted"):
        done = simulate("gamma", written, "--set", f"name={name}", "--out", tmp_path / name)
        assert done.exit_code == 0, done.output
        monkeypatch.undo()
    assert predictions(tmp_path / "shuffled") == predictions(tmp_path / "sorted")


def truncate(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])


CORRUPTIONS = {
    "volume-cut": ("paper", lambda root: truncate(root / "3/processed_data_3.nii", 900)),
    "photograph-cut": ("paper", lambda root: truncate(root / "5/data_5_fundus.png", 40)),
    "photograph-gone": ("paper", lambda root: (root / "7/data_7_fundus.png").unlink()),
    "photograph-is-text": (
        "paper",
        lambda root: (root / "8/data_8_fundus.png").write_text("<html>not found</html>"),
    ),
    "label-not-one-hot": (
        "paper",
        lambda root: sheet(
            root / "test.xlsx", ["data", *(f"class_{k}" for k in range(4))], [[41, 1, 1, 0, 0]]
        ),
    ),
    "case-in-both-splits": (
        "paper",
        lambda root: sheet(
            root / "test.xlsx",
            ["data", *(f"class_{k}" for k in range(4))],
            [[4, *one_hot(0, 4)]],
        ),
    ),
    "slice-gone": (
        "gamma",
        lambda root: (root / "multi-modality_images/0002/0002/10_image.jpg").unlink(),
    ),
    "slice-of-another-size": (
        "gamma",
        lambda root: picture(root / "multi-modality_images/0002/0002/4_image.jpg", 9, (24, 20)),
    ),
    "archive-cut": (
        "fairvision",
        lambda root: truncate(root / "Glaucoma/Training/data_00006.npz", 300),
    ),
}
NAMED = {
    "volume-cut": "processed_data_3.nii",
    "photograph-cut": "data_5_fundus.png",
    "photograph-gone": "data_7_fundus.png",
    "photograph-is-text": "data_8_fundus.png",
    "label-not-one-hot": "case 41 is not of exactly one class",
    "case-in-both-splits": "both train and test: 4",
    "slice-gone": "no slice 10",
    "slice-of-another-size": "4_image.jpg",
    "archive-cut": "data_00006.npz",
}


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_a_corruption_is_named_before_any_training(corruption: str, tmp_path: Path) -> None:
    config, corrupt = CORRUPTIONS[corruption]
    written = COLLECTIONS[config](tmp_path)
    corrupt(written.path)
    done = simulate(config, written, "--out", tmp_path / "run")
    assert done.exit_code == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert NAMED[corruption] in done.stderr
    assert not (tmp_path / "run").exists()


def test_an_inverted_label_map_is_refused(tmp_path: Path) -> None:
    written = COLLECTIONS["paper"](tmp_path)
    inverted = "task.classes=[late, intermediate, early, healthy]"
    done = simulate("paper", written, "--set", inverted, "--dry-run")
    assert done.exit_code == 2
    assert "in this order" in done.stderr


def test_bad_files_are_named_together_when_preparing_and_the_others_are_kept(
    tmp_path: Path,
) -> None:
    written = COLLECTIONS["paper"](tmp_path)
    for number in range(1, 13):
        truncate(written.path / f"{number}/data_{number}_fundus.png", 40)
    done = simulate("paper", written, "--prepare", prepared=True)
    assert done.exit_code == 2
    assert done.stderr.startswith("error: 12 bad image files: ")
    assert "and 2 more" in done.stderr
    assert len(list((tmp_path / "prepared").rglob("*.npy"))) == 2 * 52 - 12


def test_a_dry_run_says_that_pseudo_sites_are_no_hospitals(tmp_path: Path) -> None:
    written = COLLECTIONS["fairvision"](tmp_path)
    done = simulate("fairvision", written, "--dry-run")
    assert done.exit_code == 0, done.output
    assert "groups of eyes by race" in " ".join(done.stdout.split())
