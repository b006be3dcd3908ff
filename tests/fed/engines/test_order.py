from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from fed.engines.order import longest_first


def messages_to(nodes):
    return [SimpleNamespace(metadata=SimpleNamespace(dst_node_id=node)) for node in nodes]


def order(nodes, weights, lookahead=1000):
    ordered = longest_first(messages_to(nodes), weights, lookahead)
    return [message.metadata.dst_node_id for message in ordered]


def test_heaviest_first_then_by_node_id():
    assert order([4, 2, 1, 3], {1: 1.0, 2: 9.0, 3: 1.0, 4: 5.0}) == [2, 4, 1, 3]


@given(st.dictionaries(st.integers(1, 50), st.floats(0, 1e6), min_size=1), st.randoms())
def test_does_not_depend_on_the_order_of_the_messages(weights, random):
    nodes = list(weights)
    expected = order(nodes, weights)
    random.shuffle(nodes)
    assert order(nodes, weights) == expected
    assert expected == sorted(nodes, key=lambda node: (-weights[node], node))


def test_reads_no_further_ahead_than_asked():
    read = []

    def source():
        for message in messages_to(range(1, 101)):
            read.append(message)
            yield message

    ordered = longest_first(source(), {node: 1.0 * node for node in range(1, 101)}, lookahead=10)
    first = next(ordered)
    assert len(read) == 10
    assert first.metadata.dst_node_id == 10
    assert len(list(ordered)) == 99
