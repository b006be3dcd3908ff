"""MLflow: runs to compare, `mlflow ui --backend-store-uri RUN/mlflow.db`."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fed.config import Config
from server.observers import Observer
from server.trackers._base import Following, Tracker, required


@dataclass(frozen=True)
class Mlflow(Tracker):
    """A run of MLflow's in a store of its own, or in one that is there.

    A run that goes on after a break is a new run there.

    Attributes
    ----------
    uri : str or None
        Where MLflow keeps runs, as its ``MLFLOW_TRACKING_URI``; None: a database in the run's
        folder.
    """

    uri: str | None = None

    def follow(self, directory: Path, config: Config) -> Observer:
        """Return the observer that logs to MLflow."""
        tracking = required("mlflow.tracking", "mlflow")
        entities = required("mlflow.entities", "mlflow")
        uri = self.uri or f"sqlite:///{(directory / 'mlflow.db').resolve()}"
        return _MlflowRun(tracking.MlflowClient(tracking_uri=uri), entities.Metric, config)


class _MlflowRun(Following):
    def __init__(self, client: Any, metric: Any, config: Config) -> None:
        self._client = client
        self._metric = metric
        found = client.get_experiment_by_name(config.name)
        experiment = found.experiment_id if found else client.create_experiment(config.name)
        name = f"{config.method.name}-s{config.seed}"
        self._run = client.create_run(experiment, run_name=name).info.run_id
        for key, value in {"method": config.method.name, "seed": config.seed}.items():
            client.log_param(self._run, key, value)
        for key, value in config.training.model_dump().items():
            client.log_param(self._run, f"training.{key}", value)

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        now = int(1000 * time.time())
        found = [self._metric(name, value, now, step) for name, value in numbers.items()]
        self._client.log_batch(self._run, metrics=found)

    def close(self, complete: bool) -> None:
        self._client.set_terminated(self._run, "FINISHED" if complete else "KILLED")
