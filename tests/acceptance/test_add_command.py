"""`fedrima add`: the model of a federation that further sites have joined."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fedrima as face
from fed.config import resolve
from fed.errors import ConfigError
from fed.storage import read_tensors
from fedrima.adding import joined
from tests.acceptance.eyes import fedrima
from tests.acceptance.federations import group, run, tiny, write

JOINING = {
    "east": group("east", ["fundus", "oct"], cases=40),
    "clinic": group("clinic", ["fundus"], count=2),
}


def federation(further: tuple[str, ...] = (), **changes: Any) -> dict[str, Any]:
    sites = [group(name, ["fundus", "oct"], cases=40) for name in ("north", "south")]
    sites += [group("imaging", ["oct"]), group("unseen", ["fundus", "oct"], role="held_out")]
    sites += [JOINING[name] for name in further]
    options = {"method": "analytic_joint", "training": {"rounds": 1}, "engine": {"name": "inline"}}
    return tiny(sites=sites, **options) | changes


def finish(folder: Path, config: dict[str, Any]) -> Path:
    folder.mkdir()
    run(folder, config)
    return folder / "run"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finish(tmp_path_factory.mktemp("finished") / "few", federation())


@pytest.fixture(scope="module")
def more(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("more"), federation(("east", "clinic")))


def weights(folder: Path) -> dict[str, Any]:
    return dict(read_tensors(folder / "model.safetensors"))


def assert_equal_models(found: Path, expected: Path) -> None:
    one, other = weights(found), weights(expected)
    assert one.keys() == other.keys()
    for name, value in other.items():
        np.testing.assert_allclose(one[name], value, atol=1e-6, err_msg=name)


@pytest.mark.parametrize(
    ("joining", "groups"),
    [(["east"], ("east",)), (["east", "clinic-1", "clinic-2"], ("east", "clinic"))],
)
def test_the_model_is_that_of_a_run_with_the_sites_from_the_start(
    finished: Path, more: Path, joining: list[str], groups: tuple[str, ...], tmp_path: Path
) -> None:
    done = fedrima("add", finished, *joining, "--config", more, "--out", tmp_path / "joined")
    assert done.exit_code == 0, done.stderr
    expected = finish(tmp_path / "whole", federation(groups))
    assert_equal_models(tmp_path / "joined", expected)
    moved = (
        weights(tmp_path / "joined")["fundus_head.weight"] - weights(finished)["fundus_head.weight"]
    )
    assert np.abs(moved).max() > 1e-4
    names = [card.name for card in face.load(expected).results.with_role("train")]
    assert [c.name for c in face.load(tmp_path / "joined").results.with_role("train")] == names


def test_results_and_card_say_so_and_the_model_can_be_judged(
    finished: Path, more: Path, tmp_path: Path
) -> None:
    further, judged = tmp_path / "joined", tmp_path / "judged"
    assert fedrima("add", finished, "east", "--config", more, "--out", further).exit_code == 0
    results = face.load(further).results
    assert not results.held_out.pooled
    assert "added after training: east" in results.warnings
    done = fedrima("judge", further, write(tmp_path, federation()), "--out", judged)
    assert done.exit_code == 0, done.stderr
    assert face.load(judged).results.pooled("both", "auc").value is not None
    assert fedrima("export", judged, "--to", "torchscript").exit_code == 0
    done = fedrima("export", further, "--to", "torchscript")
    assert done.exit_code == 0, done.stderr
    card = (further / "model-card.md").read_text()
    assert "| east | train |" in card
    assert "added after training: east" in card


def test_who_was_taken_out_can_come_back(finished: Path, tmp_path: Path) -> None:
    left, back = tmp_path / "left", tmp_path / "back"
    assert fedrima("remove", finished, "south", "--out", left).exit_code == 0
    done = fedrima("add", left, "south", "--out", back)
    assert done.exit_code == 0, done.stderr
    assert_equal_models(back, finished)


def test_what_a_site_that_joins_spends_is_counted(tmp_path: Path) -> None:
    budget = {"method": "analytic", "privacy": {"epsilon": 4.0}}
    few = finish(tmp_path / "few", federation(**budget))
    more = write(tmp_path, federation(("east",), **budget))
    with_east = tmp_path / "joined"
    done = fedrima("add", few, "east", "--config", more, "--out", with_east)
    assert done.exit_code == 0, done.stderr
    told = face.load(with_east).results.privacy
    assert told is not None
    assert set(told.sites) == {"north", "south", "imaging", "east"}
    assert told.sites["east"].epsilon == pytest.approx(4.0, rel=0.01)
    assert_equal_models(with_east, finish(tmp_path / "whole", federation(("east",), **budget)))
    left, back = tmp_path / "left", tmp_path / "back"
    assert fedrima("remove", with_east, "east", "--out", left).exit_code == 0
    done = fedrima("add", left, "east", "--out", back)
    assert done.exit_code == 3
    assert "would take the patients of east to epsilon" in done.stderr


@pytest.mark.parametrize(
    ("joining", "words"),
    [
        ("nowhere", "nowhere: no such site; allowed: those that --config names north, south"),
        ("north", "north: its sums are in the model already"),
        ("unseen", "unseen: is held out, to judge the model on"),
    ],
)
def test_who_cannot_be_added_is_refused(
    finished: Path, more: Path, joining: str, words: str, tmp_path: Path
) -> None:
    done = fedrima("add", finished, joining, "--config", more, "--out", tmp_path / "joined")
    assert done.exit_code == 2
    assert words in done.stderr
    assert not (tmp_path / "joined").exists()


def test_a_method_that_trains_by_rounds_is_refused(tmp_path: Path, more: Path) -> None:
    trained = finish(tmp_path / "trained", federation(method="experts"))
    done = fedrima("add", trained, "east", "--config", more, "--out", tmp_path / "joined")
    assert done.exit_code == 2
    assert "experts trains by rounds" in done.stderr


def test_a_folder_that_is_there_is_kept(finished: Path, more: Path, tmp_path: Path) -> None:
    done = fedrima("add", finished, "east", "--config", more, "--out", tmp_path)
    assert done.exit_code == 2
    assert "is there already" in done.stderr


def test_a_share_of_patients_that_others_have_is_refused(finished: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "eyes.csv"
    with manifest.open("w") as file:
        csv.writer(file).writerow(["case_id", "fundus", "oct", "grade"])

    def shares(**changes: float) -> Any:
        sites = [
            group(name, ["fundus"], cases=share, role="held_out" if name == "unseen" else "train")
            for name, share in ({"north": 0.4, "unseen": 0.3} | changes).items()
        ]
        data = {"source": "manifest", "path": str(manifest)}
        return resolve(federation(sites=sites, data=data, method="analytic"))

    with pytest.raises(ConfigError, match=r"sites\.east\.cases: patients of one source"):
        joined(shares(), ["east"], shares(east=0.2))
