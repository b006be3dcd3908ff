"""Methods run in this process, without a report: seconds each."""

import json
from pathlib import Path
from typing import Any

from flwr.app import Context, RecordDict

from fed.config import Config, resolve
from fed.config.loading import METHODS
from fed.data.opening import open_source
from fed.engines import EngineSettings, Node, start_grid
from server.app import make_app
from server.observers import Observer
from tests.acceptance.federations import group, tiny

PRESETS = sorted(path.stem for path in METHODS.glob("*.yaml"))


def small(method: Any, **changes: Any) -> Config:
    """Return a federation of three training sites and a held-out one, for a method."""
    sites = [
        group("hospital", {"fundus": 1.0, "oct": 0.75}, cases=16),
        group("clinic", ["fundus"], cases=12),
        group("imaging", ["oct"], cases=12),
        group("unseen", ["fundus", "oct"], role="held_out", cases=12),
    ]
    training = {"rounds": 3, "batch_size": 8, "lr": 0.003}
    evaluation = {"every": 9, "bootstrap": 20, "validation": 0.25}
    changes = {"sites": sites, "training": training, "evaluation": evaluation} | changes
    return resolve(tiny(method=method, **changes))


def train(config: Config, folder: Path, *observers: Observer) -> dict[str, Any]:
    """Run a federation in `folder`, or go on with the one there; return its results."""
    nodes = [Node(site.name, 1.0) for site in open_source(config).sites]
    run_config: dict[str, Any] = {"federation": config, "out": str(folder)}
    context = Context(0, 0, node_config={}, state=RecordDict(), run_config=run_config)
    with start_grid(EngineSettings(), nodes, run_config) as grid:
        make_app(observers)(grid, context)
    return json.loads((folder / "results.json").read_text())
