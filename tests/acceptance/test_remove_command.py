"""`fedrima remove`: the model of a federation that a site has left."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fedrima as face
from fed.storage import read_tensors
from tests.acceptance.eyes import fedrima
from tests.acceptance.federations import group, run, tiny, write


def federation(method: str = "analytic_joint") -> dict[str, Any]:
    sites = [group(name, ["fundus", "oct"], cases=40) for name in ("north", "south", "east")]
    sites += [group("clinic", ["fundus"]), group("imaging", ["oct"])]
    sites += [group("unseen", ["fundus", "oct"], role="held_out")]
    return tiny(method=method, sites=sites, training={"rounds": 1}, engine={"name": "inline"})


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    run(folder, federation())
    return folder / "run"


def weights(folder: Path) -> dict[str, Any]:
    return dict(read_tensors(folder / "model.safetensors"))


@pytest.mark.parametrize("leaving", [["south"], ["clinic"], ["east", "imaging"]])
def test_the_model_is_that_of_a_run_without_the_site(
    finished: Path, leaving: list[str], tmp_path: Path
) -> None:
    done = fedrima("remove", finished, *leaving, "--out", tmp_path / "left")
    assert done.exit_code == 0, done.stderr
    config = federation()
    config["sites"] = [site for site in config["sites"] if site["name"] not in leaving]
    run(tmp_path, config)
    found, expected = weights(tmp_path / "left"), weights(tmp_path / "run")
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, atol=1e-6, err_msg=name)
    assert np.abs(found["classifier.weight"] - weights(finished)["classifier.weight"]).max() > 1e-3


def test_what_is_left_can_be_judged_and_has_no_scores_of_its_own(
    finished: Path, tmp_path: Path
) -> None:
    left, judged = tmp_path / "left", tmp_path / "judged"
    assert fedrima("remove", finished, "south", "--out", left).exit_code == 0
    results = face.load(left).results
    assert not results.held_out.pooled
    assert [site.name for site in results.with_role("train")] == [
        "north",
        "east",
        "clinic",
        "imaging",
    ]
    assert any("taken out after training: south" in words for words in results.warnings)
    config = write(tmp_path, federation())
    done = fedrima("judge", left, config, "--out", judged, "--engine", "inline")
    assert done.exit_code == 0, done.stderr
    assert face.load(judged).results.pooled("both", "auc").value is not None


def test_sites_leave_one_after_the_other(finished: Path, tmp_path: Path) -> None:
    once, twice, both = (tmp_path / name for name in ("once", "twice", "both"))
    assert fedrima("remove", finished, "south", "--out", once).exit_code == 0
    assert fedrima("remove", once, "clinic", "--out", twice).exit_code == 0
    assert fedrima("remove", finished, "south", "clinic", "--out", both).exit_code == 0
    assert (twice / "model.safetensors").read_bytes() == (both / "model.safetensors").read_bytes()
    assert not any("south" in key for key in read_tensors(next((once / "checkpoints").iterdir())))


@pytest.mark.parametrize(
    ("sites", "words"),
    [
        (["nowhere"], "nowhere: no sums of it are kept; allowed: clinic, east, imaging"),
        (["north", "south", "east", "clinic", "imaging"], "no site is left"),
    ],
)
def test_what_cannot_be_taken_out_is_refused(
    finished: Path, sites: list[str], words: str, tmp_path: Path
) -> None:
    done = fedrima("remove", finished, *sites, "--out", tmp_path / "left")
    assert done.exit_code == 2
    assert words in done.stderr
    assert not (tmp_path / "left").exists()


def test_a_method_that_trains_by_rounds_is_refused(tmp_path: Path) -> None:
    run(tmp_path, tiny(method="experts", training={"rounds": 1}))
    done = fedrima("remove", tmp_path / "run", "hospital", "--out", tmp_path / "left")
    assert done.exit_code == 2
    assert "experts trains by rounds" in done.stderr


def test_given_one_image_the_joint_head_with_its_expectation_ranks_as_that_modalitys_head(
    tmp_path: Path,
) -> None:
    """Two classes; the block between fits those of the owners, since all own both."""
    config = federation()
    config["sites"] = [site for site in config["sites"] if len(site["modalities"]) == 2]
    (tmp_path / "own").mkdir()
    (tmp_path / "expected").mkdir()
    conditioned = {"base": "analytic_joint", "name": "expected", "predict": "fusion"}
    run(tmp_path / "own", config)
    run(tmp_path / "expected", config | {"method": conditioned | {"fill": "leave_out"}})
    own, expected = (face.load(tmp_path / name / "run") for name in ("own", "expected"))
    for condition in ("fundus", "oct"):
        ranks = [np.argsort(run.scored(condition)[1][:, 1]) for run in (own, expected)]
        np.testing.assert_array_equal(*ranks)
