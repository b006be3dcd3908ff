"""The order in which an engine runs sites and hands over their replies."""

import heapq
from collections.abc import Iterable, Iterator, Mapping

from flwr.app import Message

# Messages share their arrays, so that a thousand waiting ones cost the server a few megabytes;
# beyond that, the longest of the next thousand comes first.
LOOKAHEAD = 1000


def longest_first(
    messages: Iterable[Message], weights: Mapping[int, float], lookahead: int = LOOKAHEAD
) -> Iterator[Message]:
    """Yield messages by falling weight of their sites, reading at most ``lookahead`` ahead.

    The order depends on the messages and weights only, never on timing: equal weights fall back
    on node id, then on position.
    """
    waiting: list[tuple[float, int, int, Message]] = []
    for position, message in enumerate(messages):
        node_id = message.metadata.dst_node_id
        heapq.heappush(waiting, (-weights[node_id], node_id, position, message))
        if len(waiting) >= lookahead:
            yield heapq.heappop(waiting)[-1]
    while waiting:
        yield heapq.heappop(waiting)[-1]
