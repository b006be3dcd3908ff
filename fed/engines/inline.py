"""The engine of this process: a loop that one can step through with a debugger."""

import time
from collections.abc import Iterator, Mapping, Sequence

from flwr.app import Message
from flwr.clientapp import ClientApp

from fed.engines.grid import Node, SimulationGrid
from fed.engines.messages import late, private_copy
from fed.engines.site import ConfigValue


class InlineGrid(SimulationGrid):
    """Calls the ClientApp in this process, one site after the other.

    It cannot interrupt a site: a deadline is looked at between sites, and a site that hangs
    hangs the call. Use the ray engine where sites may hang.
    """

    def __init__(
        self, app: ClientApp, nodes: Sequence[Node], run_config: Mapping[str, ConfigValue]
    ) -> None:
        super().__init__(nodes, run_config)
        self._app = app

    def _answers(self, messages: Iterator[Message], timeout: float | None) -> Iterator[Message]:
        deadline = None if timeout is None else time.monotonic() + timeout
        for message in messages:
            site = self._sites[message.metadata.dst_node_id]
            if timeout is not None and deadline is not None and time.monotonic() >= deadline:
                yield late(message, site.name, timeout)
                continue
            yield site.answer(self._app, private_copy(message))
