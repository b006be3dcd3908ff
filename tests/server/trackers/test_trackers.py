"""What trackers keep, read back with the packages that people read it with."""

import subprocess
import sys
from pathlib import Path

import pytest

from fed.config import load
from fed.errors import ConfigError
from fed.results import Run
from server.observers import Observer
from server.trackers import Tracker, follow
from server.trackers._base import Following, final_numbers, numbers_of
from server.trackers.csv import Csv
from server.trackers.mlflow import Mlflow
from server.trackers.tensorboard import Tensorboard
from server.trackers.wandb import Wandb
from tests.fed.report.synthetic import write_run

CONFIG = load([Path(__file__).parents[3] / "configs/demo.yaml"])
NUMBER = "held_out/both/auc"


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    folder = tmp_path_factory.mktemp("run")
    write_run(folder)
    return Run.load(folder)


def tell(tracker: Tracker, run: Run, folder: Path) -> Observer:
    """Tell a tracker of a whole run, by records as the rounds give them."""
    (observer,) = follow([tracker], folder, CONFIG)
    for line in run.rounds:
        observer.round_ended(line)
    observer.ended(run.results)
    return observer


def test_losses_are_means_over_sites_and_what_was_not_scored_is_not_there(run):
    first, scored = numbers_of(run.rounds[0]), numbers_of(run.rounds[5])
    of_sites = [losses["classification"] for losses in run.rounds[0].losses.values()]
    assert first["loss/classification"] == pytest.approx(sum(of_sites) / len(of_sites))
    assert NUMBER not in first
    assert scored[NUMBER] == run.rounds[5].held_out["both"]["auc"].value
    final = final_numbers(run.results)
    assert final["final/both/auc/low"] < final["final/both/auc"] < final["final/both/auc/high"]


def test_csv_has_a_row_a_round_and_does_the_last_ones_again_after_a_break(run, tmp_path):
    pandas = pytest.importorskip("pandas")
    tell(Csv(), run, tmp_path)
    whole = (tmp_path / "rounds.csv").read_text()
    frame = pandas.read_csv(tmp_path / "rounds.csv")
    assert frame["round"].tolist() == [line.round for line in run.rounds]
    assert frame[NUMBER].notna().sum() == 3
    (again,) = follow([Csv()], tmp_path, CONFIG)  # a checkpoint after round 15
    for line in run.rounds[15:]:
        again.round_ended(line)
    assert (tmp_path / "rounds.csv").read_text() == whole


def test_tensorboard_reads_the_events(run, tmp_path):
    reading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    tell(Tensorboard(), run, tmp_path)
    events = reading.EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    found = [(e.step, e.value) for e in events.Scalars(NUMBER)]
    assert found == [
        (line.round, pytest.approx(line.held_out["both"]["auc"].value))
        for line in run.rounds
        if line.held_out
    ]
    assert "final/both/auc/low" in events.Tags()["scalars"]


def test_mlflow_reads_the_run(run, tmp_path):
    tracking = pytest.importorskip("mlflow.tracking")
    tell(Mlflow(), run, tmp_path)
    client = tracking.MlflowClient(tracking_uri=f"sqlite:///{tmp_path / 'mlflow.db'}")
    (experiment,) = client.search_experiments(filter_string=f"name = '{CONFIG.name}'")
    (found,) = client.search_runs([experiment.experiment_id])
    assert found.info.status == "FINISHED"
    assert found.data.params["method"] == CONFIG.method.name
    history = client.get_metric_history(found.info.run_id, NUMBER)
    assert [m.step for m in history] == [6, 12, 18]


def test_wandb_keeps_an_offline_run(run, tmp_path):
    pytest.importorskip("wandb")
    tell(Wandb(), run, tmp_path)
    (kept,) = (tmp_path / "wandb").glob("offline-run-*/*.wandb")
    assert NUMBER.encode() in kept.read_bytes()


@pytest.mark.parametrize(
    ("tracker", "package"),
    [(Tensorboard(), "tensorboard"), (Mlflow(), "mlflow"), (Wandb(), "wandb")],
)
def test_an_absent_package_is_said_before_the_first_round(monkeypatch, tmp_path, tracker, package):
    def absent(name):
        raise ImportError(name)

    monkeypatch.setattr("server.trackers._base.import_module", absent)
    with pytest.raises(ConfigError, match=rf"trackers: {package} needs .*fedrima\[{package}\]"):
        follow([tracker], tmp_path, CONFIG)


def test_importing_trackers_imports_none_of_their_packages():
    code = (
        "import sys, server.trackers.csv, server.trackers.tensorboard, server.trackers.mlflow,"
        "server.trackers.wandb; print({'tensorboard', 'mlflow', 'wandb'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_tracker_of_ones_own_gets_numbers_and_is_let_go_when_a_run_stops(run):
    kept, closed = {}, []

    class Mine(Following):
        def log(self, step, numbers):
            kept[step] = numbers

        def close(self, complete):
            closed.append(complete)

    mine = Mine()
    mine.round_ended(run.rounds[0])
    mine.ended(None)
    assert kept[1] == numbers_of(run.rounds[0])
    assert closed == [False]
