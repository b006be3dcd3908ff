"""What every simulation engine has in common: a Flower Grid over sites known in advance."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from flwr.app import Message, RecordDict
from flwr.serverapp import Grid
from flwr.supercore.run import Run

from fed.engines.messages import RUN_ID, identify
from fed.engines.order import longest_first
from fed.engines.site import ConfigValue, Site


@dataclass(frozen=True)
class Node:
    """A site to simulate.

    Parameters
    ----------
    name : str
        The site's name, which its ClientApp reads from ``context.node_config["site"]``.
    weight : float
        Expected work in any unit; heavier sites run first.
    """

    name: str
    weight: float = 1.0


class SimulationGrid(Grid):
    """A Flower Grid that runs one ClientApp for many simulated sites.

    Sites have the node ids 1..n. Replies come longest site first (`fed.engines.order`), in an
    order that depends neither on the engine nor on timing.
    """

    def __init__(self, nodes: Sequence[Node], run_config: Mapping[str, ConfigValue]) -> None:
        self._sites = {
            node_id: Site(node_id, node.name, dict(run_config))
            for node_id, node in enumerate(nodes, start=1)
        }
        self._weights = {node_id: node.weight for node_id, node in enumerate(nodes, start=1)}
        self._run = Run.create_empty(RUN_ID)
        self._sent = 0
        self._pushed: dict[str, Message] = {}

    def set_run(self, run: Run) -> None:
        """Set the run that this grid belongs to."""
        self._run = run

    @property
    def run(self) -> Run:
        """The run that this grid belongs to."""
        return self._run

    def get_node_ids(self) -> list[int]:
        """Return the node ids, 1..n in the order of the nodes."""
        return list(self._sites)

    @property
    def site_names(self) -> dict[int, str]:
        """The site at each node."""
        return {node_id: site.name for node_id, site in self._sites.items()}

    def create_message(
        self,
        content: RecordDict,
        message_type: str,
        dst_node_id: int,
        group_id: str,
        ttl: float | None = None,
    ) -> Message:
        """Create an instruction message, as ``Message(...)`` does."""
        return Message(content, dst_node_id, message_type, ttl=ttl, group_id=group_id)

    def push_messages(self, messages: Iterable[Message]) -> list[str]:
        """Hold messages for `pull_messages` and return their ids."""
        pushed = {message.metadata.message_id: message for message in self._identified(messages)}
        self._pushed |= pushed
        return list(pushed)

    def pull_messages(self, message_ids: Iterable[str]) -> list[Message]:
        """Run the held messages of these ids and return all of their replies."""
        return list(
            self.send_and_receive([self._pushed.pop(message_id) for message_id in message_ids])
        )

    def send_and_receive(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> Iterator[Message]:
        """Send messages and yield one reply each as they become ready, longest site first.

        Nothing is sent before the first reply is asked for. A site that fails yields an error
        reply; its reason begins with a line naming the site, the traceback follows.

        Parameters
        ----------
        messages : Iterable[Message]
            Read lazily, at most `fed.engines.order.LOOKAHEAD` ahead.
        timeout : float, optional
            Deadline of the whole call, in seconds. Sites that have not answered by then yield
            an error reply that says so.

        Raises
        ------
        ValueError
            If a message is addressed to a node that does not exist.
        """
        return self._answers(longest_first(self._identified(messages), self._weights), timeout)

    @abstractmethod
    def _answers(self, messages: Iterator[Message], timeout: float | None) -> Iterator[Message]:
        """Yield the reply to each message, in the order of the messages."""

    def _identified(self, messages: Iterable[Message]) -> Iterator[Message]:
        for message in messages:
            if message.metadata.dst_node_id not in self._sites:
                raise ValueError(
                    f"message to node {message.metadata.dst_node_id}: "
                    f"the nodes are 1 to {len(self._sites)}"
                )
            self._sent += 1
            identify(message, f"message-{self._sent}")
            yield message
