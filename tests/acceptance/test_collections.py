"""From the files of a published collection to the report, through `simulate.py`."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from fed.data import reading
from simulate import command
from tests.acceptance.published_collections import AMD_GRADES, COLLECTIONS, Written
from tests.fed.data.collections.conftest import shuffled  # noqa: F401
from tests.fed.data.collections.files import npz, one_hot, picture, sheet

SMALL = [
    "data.image_size=32",
    "data.volume_size=[12,16,16]",
    "model={scale: small}",
    "training.rounds=2",
    "training.local_epochs=1",
    "evaluation={every: 2, bootstrap: 20}",
    "engine.workers=1",
]


def simulate(written: Written, *arguments: object, prepared: bool = False) -> Any:
    """Run the configuration of a collection, brought to tiny images."""
    folder = written.path.parent / "prepared" if prepared else "null"
    settings = [f"data.path={written.path}", f"data.prepared={folder}", *SMALL, *written.settings]
    settings = [word for setting in settings for word in ("--set", setting)]
    return CliRunner().invoke(
        command, [str(written.config), *settings, *map(str, arguments), "--quiet"]
    )


def predictions(run: Path) -> list[dict[str, str]]:
    with (run / "predictions.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module", params=COLLECTIONS)
def finished(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Written, Path]:
    """A collection, and the folder of a run on its own images."""
    folder = tmp_path_factory.mktemp(request.param)
    written = COLLECTIONS[request.param](folder)
    done = simulate(written, "--out", folder / "run")
    assert done.exit_code == 0, done.output
    return written, folder / "run"


def test_a_collection_trains_and_reports_on_what_is_held_out(
    finished: tuple[Written, Path],
) -> None:
    written, run = finished
    results = json.loads((run / "results.json").read_text())
    assert set(results["held_out"]["pooled"]) == {"both", "fundus", "oct"}
    assert results["failures"] == []
    assert "pseudo-sites" in results["warnings"][0]
    assert "pseudo-sites" in (run / "report.html").read_text()
    rows = predictions(run)
    assert {row["case_id"]: int(row["label"]) for row in rows}.items() <= written.grades.items()
    if written.held_out:
        assert {row["case_id"] for row in rows} == written.held_out


@pytest.mark.usefixtures("shuffled")
def test_prepared_in_any_order_of_directories_it_gives_the_same_and_opens_no_image(
    finished: tuple[Written, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, run = finished
    refused = simulate(written, "--out", tmp_path / "run", prepared=True)
    assert refused.exit_code == 2
    assert "--prepare" in refused.stderr
    done = simulate(written, "--prepare", prepared=True)
    assert done.exit_code == 0, done.output

    def refuse(*_: object) -> None:
        raise AssertionError("a source image was opened")

    for reader in ("open_fundus", "open_oct"):
        monkeypatch.setattr(reading, reader, refuse)
    done = simulate(written, "--out", tmp_path / "run", prepared=True)
    assert done.exit_code == 0, done.output
    assert predictions(tmp_path / "run") == predictions(run)


@pytest.mark.usefixtures("shuffled")
@pytest.mark.parametrize("name", COLLECTIONS)
def test_slices_are_in_the_order_of_their_numbers(name: str, tmp_path: Path) -> None:
    written = COLLECTIONS[name](tmp_path)
    done = simulate(written, "--prepare", prepared=True)
    assert done.exit_code == 0, done.output
    arrays = list((written.path.parent / "prepared" / "oct").glob("*.npy"))
    assert len(arrays) >= 24
    for array in arrays:
        brightness = np.load(array).astype(float).mean(axis=(1, 2))
        assert (np.diff(brightness) >= 0).all(), "written brighter from slice to slice"
        assert brightness[-1] > brightness[0]


@pytest.mark.parametrize("name", [name for name in COLLECTIONS if name != "manifest"])
def test_an_inverted_label_map_is_refused(name: str, tmp_path: Path) -> None:
    written = COLLECTIONS[name](tmp_path)
    classes = {4: AMD_GRADES, 3: ("non", "early", "mid_advanced"), 2: ("healthy", "glaucoma")}
    inverted = classes[len(set(written.grades.values()))][::-1]
    done = simulate(written, "--set", f"task.classes=[{', '.join(inverted)}]", "--dry-run")
    assert done.exit_code == 2
    assert "in this order" in done.stderr


def test_a_manifest_is_of_classes_by_name_so_their_order_is_the_users(tmp_path: Path) -> None:
    written = COLLECTIONS["manifest"](tmp_path)
    inverted = f"task.classes=[{', '.join(AMD_GRADES[::-1])}]"
    done = simulate(written, "--set", inverted, "--out", tmp_path / "run")
    assert done.exit_code == 0, done.output
    rows = predictions(tmp_path / "run")
    assert all(int(row["label"]) == 3 - written.grades[row["case_id"]] for row in rows)


def truncate(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


AMD_SHEET = ["data", *(f"class_{k}" for k in range(4))]
GAMMA_SCAN = "multi-modality_images/0002/0002"

CORRUPTIONS: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "volume-cut": (
        "harvard30k",
        lambda root: truncate(root / "3/processed_data_3.nii", 900),
        "processed_data_3.nii",
    ),
    "photograph-cut": (
        "harvard30k",
        lambda root: truncate(root / "5/data_5_fundus.png", 40),
        "data_5_fundus.png",
    ),
    "photograph-gone": (
        "harvard30k",
        lambda root: (root / "7/data_7_fundus.png").unlink(),
        "data_7_fundus.png",
    ),
    "photograph-is-text": (
        "harvard30k",
        lambda root: (root / "8/data_8_fundus.png").write_text("<html>not found</html>"),
        "data_8_fundus.png",
    ),
    "label-not-one-hot": (
        "harvard30k",
        lambda root: sheet(root / "test.xlsx", AMD_SHEET, [[41, 1, 1, 0, 0]]),
        "case 41 is not of exactly one class",
    ),
    "case-in-both-splits": (
        "harvard30k",
        lambda root: sheet(root / "test.xlsx", AMD_SHEET, [[4, *one_hot(0, 4)]]),
        "both train and test: 4",
    ),
    "slice-of-harvard-gone": (
        "harvard30k-slices",
        lambda root: (root / "9/9/10.png").unlink(),
        "no slice 10",
    ),
    "slice-of-harvard-cut": (
        "harvard30k-slices",
        lambda root: truncate(root / "9/9/10.png", 40),
        "10.png",
    ),
    "sheet-of-another-disease": (
        "harvard30k-slices",
        lambda root: sheet(root / "train.xlsx", AMD_SHEET, [[1, *one_hot(0, 4)]]),
        "columns are data, class_0",
    ),
    "slice-gone": (
        "gamma",
        lambda root: (root / GAMMA_SCAN / "10_image.jpg").unlink(),
        "no slice 10",
    ),
    "slice-of-another-size": (
        "gamma",
        lambda root: picture(root / GAMMA_SCAN / "4_image.jpg", 9, (24, 20)),
        "4_image.jpg",
    ),
    "slice-cut": (
        "gamma",
        lambda root: truncate(root / GAMMA_SCAN / "4_image.jpg", 200),
        "4_image.jpg",
    ),
    "archive-cut": (
        "fairvision",
        lambda root: truncate(root / "Glaucoma/Training/data_00006.npz", 300),
        "data_00006.npz",
    ),
    "archive-without-scan": (
        "fairvision",
        lambda root: npz(
            root / "Glaucoma/Test/data_00050.npz", 9, glaucoma=1, race=1, oct_bscans=None
        ),
        "holds no oct_bscans",
    ),
    "diagnosis-unknown": (
        "fairvision",
        lambda root: npz(root / "Glaucoma/Test/data_00050.npz", 9, glaucoma=2, race=1),
        "glaucoma is '2'",
    ),
    "compressed-volume-cut": (
        "manifest",
        lambda path: truncate(path.parent / "oct/e3.nii.gz", 60),
        "e3.nii.gz",
    ),
    "array-of-nothing": (
        "manifest",
        lambda path: np.save(path.parent / "oct/e2.npy", np.full((4, 20, 24), np.nan)),
        "e2.npy",
    ),
    "image-listed-but-absent": (
        "manifest",
        lambda path: (path.parent / "fundus/e12.png").unlink(),
        "e12.png",
    ),
    "one-image-for-two-eyes": (
        "manifest",
        lambda path: replace(path, "fundus/e13.jpg", "fundus/e12.png"),
        "both case e12 and case e13",
    ),
    "grade-misspelt": (
        "manifest",
        lambda path: replace(path, "p7,late", "p7,Late"),
        "grade is 'Late'",
    ),
    "patient-at-two-hospitals": (
        "manifest",
        lambda path: replace(path, "e17,p17", "e17,p13"),
        "patient p13 is at several sites",
    ),
}


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_a_corruption_is_named_before_any_training(corruption: str, tmp_path: Path) -> None:
    name, corrupt, named = CORRUPTIONS[corruption]
    written = COLLECTIONS[name](tmp_path)
    corrupt(written.path)
    done = simulate(written, "--out", tmp_path / "run")
    assert done.exit_code == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert named in done.stderr
    assert not (tmp_path / "run").exists()


def test_bad_files_are_named_together_when_preparing_and_the_others_are_kept(
    tmp_path: Path,
) -> None:
    written = COLLECTIONS["harvard30k"](tmp_path)
    for number in range(1, 13):
        truncate(written.path / f"{number}/data_{number}_fundus.png", 40)
    done = simulate(written, "--prepare", prepared=True)
    assert done.exit_code == 2
    assert done.stderr.startswith("error: 12 bad image files: ")
    assert "and 2 more" in done.stderr
    assert len(list((tmp_path / "prepared").rglob("*.npy"))) == 2 * 52 - 12


def test_a_dry_run_says_that_pseudo_sites_are_no_hospitals(tmp_path: Path) -> None:
    written = COLLECTIONS["fairvision"](tmp_path)
    done = simulate(written, "--dry-run")
    assert done.exit_code == 0, done.output
    assert "groups of eyes by race" in " ".join(done.stdout.split())
