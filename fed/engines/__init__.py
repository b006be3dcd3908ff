"""Engines run one ClientApp for many simulated sites, as Flower Grids.

``inline`` runs them in this process, ``ray`` on persistent workers of a local or existing Ray
cluster. Whatever the engine and the number of workers, a deterministic ClientApp gives the same
bytes in the same order.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from flwr.app import Context, RecordDict
from flwr.serverapp import Grid

from fed.engines.grid import Node, SimulationGrid
from fed.engines.inline import InlineGrid
from fed.engines.machine import end_at_once, keep_freed_memory
from fed.engines.messages import server_identity
from fed.engines.site import ConfigValue, load_client_app, one_thread
from fed.errors import ConfigError

__all__ = [
    "EngineSettings",
    "Grid",
    "Node",
    "SimulationGrid",
    "check_gpu",
    "server_context",
    "start_grid",
]


@dataclass(frozen=True)
class EngineSettings:
    """How to run the sites.

    Parameters
    ----------
    name : {"inline", "ray"}
        This process, or workers on Ray.
    workers : int, optional
        Number of ray workers; by default one a CPU of the cluster.
    gpus_per_worker : float
        Share of a GPU that each ray worker claims.
    address : str, optional
        An existing Ray cluster (``auto``, ``host:port``); by default a local one is started.
    """

    name: Literal["inline", "ray"] = "inline"
    workers: int | None = None
    gpus_per_worker: float = 0.0
    address: str | None = None


def server_context(run_config: Mapping[str, ConfigValue]) -> Context:
    """Return what Flower hands to a ServerApp: the run's configuration, and nothing else."""
    return Context(
        run_id=0, node_id=0, node_config={}, state=RecordDict(), run_config=dict(run_config)
    )


def check_gpu(name: str, gpus_per_worker: float) -> None:
    """Refuse a GPU that this machine does not have; Ray knows itself what its cluster has.

    Raises
    ------
    ConfigError
    """
    import torch

    if name != "ray" and gpus_per_worker > 0 and not torch.cuda.is_available():
        raise ConfigError(
            f"engine.gpus_per_worker: {gpus_per_worker:g}, but torch finds no GPU on this machine; "
            "allowed here: 0"
        )


@contextmanager
def start_grid(
    settings: EngineSettings,
    nodes: Sequence[Node],
    run_config: Mapping[str, ConfigValue],
    client_app: str = "clients.app:app",
) -> Iterator[SimulationGrid]:
    """Start an engine; everything it started is gone on exit, however the block is left.

    This process computes on one thread meanwhile, so that the server's sums, too, have the same
    order on every machine.

    Parameters
    ----------
    settings : EngineSettings
        Which engine, and how large.
    nodes : Sequence[Node]
        The sites; they get the node ids 1..n in this order.
    run_config : Mapping[str, str | int | float | bool]
        ``context.run_config`` of every site.
    client_app : str
        Import path ``package.module:attribute`` of the ClientApp; workers import it themselves.

    Raises
    ------
    ValueError
        If ``client_app`` names no ClientApp, or the cluster is too small for the settings.
    """
    keep_freed_memory()
    end_at_once()
    app = load_client_app(client_app)
    with one_thread(), server_identity():
        if settings.name == "inline":
            yield InlineGrid(app, nodes, run_config)
        else:
            from fed.engines.ray import start_ray_grid  # costs seconds to import

            with start_ray_grid(
                nodes,
                run_config,
                client_app,
                workers=settings.workers,
                gpus_per_worker=settings.gpus_per_worker,
                address=settings.address,
            ) as grid:
                yield grid
