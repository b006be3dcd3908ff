"""Small federations over the toy ClientApp."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Message, RecordDict

from fed.engines import EngineSettings, Node, SimulationGrid, start_grid

TOY = "tests.fed.engines.toy_sites:app"
NODES = [Node(f"clinic-{i}", weight=float(i % 4)) for i in range(1, 11)]
LONGEST_FIRST = [3, 7, 2, 6, 10, 1, 5, 9, 4, 8]


@contextmanager
def toy_grid(
    engine: str, workers: int | None = None, nodes: Sequence[Node] = NODES
) -> Iterator[SimulationGrid]:
    settings = EngineSettings(engine, workers=workers)  # type: ignore[arg-type]
    with start_grid(settings, nodes, {"round": 7}, TOY) as grid:
        yield grid


def model(rows: int = 300) -> ArrayRecord:
    """Large enough for the object store with the default number of rows."""
    values = np.random.default_rng(0).normal(size=(rows, 200)).astype(np.float32)
    return ArrayRecord([values, np.arange(5.0)])


def instructions(
    grid: SimulationGrid, record: ArrayRecord | None = None, **orders: str | float
) -> Iterator[Message]:
    """Give every node one message; ``orders`` are by site, with ``_`` for ``-``."""
    for node_id in grid.get_node_ids():
        content = RecordDict({} if record is None else {"model": record})
        content["orders"] = ConfigRecord(
            {name.replace("_", "-"): value for name, value in orders.items()}
        )
        yield Message(content, node_id, "train", group_id="round-1")


def outcome(replies: Iterable[Message]) -> list[tuple[int, list[bytes] | str]]:
    """Return what must be equal on every engine: order, and bytes or the line of the error."""
    return [
        (
            reply.metadata.src_node_id,
            first_line(reply)
            if reply.has_error()
            else [bytes(array.data) for array in reply.content.array_records["model"].values()],
        )
        for reply in replies
    ]


def fact(reply: Message, name: str) -> object:
    return reply.content.config_records["facts"][name]


def first_line(reply: Message) -> str:
    return str(reply.error.reason).splitlines()[0]
