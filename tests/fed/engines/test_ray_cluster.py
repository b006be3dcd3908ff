import ray
from ray.cluster_utils import Cluster

from fed.engines import EngineSettings, start_grid
from tests.fed.engines.federation import NODES, TOY, fact, instructions, model, outcome, toy_grid

# Ray takes half a minute by default to be sure that a node is gone.
QUICK_TO_NOTICE = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 500,
    "health_check_failure_threshold": 3,
}


def test_a_node_lost_in_mid_round_does_not_change_the_result():
    with toy_grid("inline") as grid:
        undisturbed = outcome(grid.send_and_receive(instructions(grid, model())))
    machines = Cluster()
    try:
        machines.add_node(num_cpus=1, _system_config=QUICK_TO_NOTICE)
        doomed = machines.add_node(num_cpus=1)
        machines.wait_for_nodes()
        settings = EngineSettings("ray", address=machines.address)
        with start_grid(settings, NODES, {"round": 7}, TOY) as grid:
            replies = grid.send_and_receive(instructions(grid, model(), seconds=0.2))
            first = [next(replies), next(replies)]
            assert len({fact(reply, "pid") for reply in first}) == 2
            machines.remove_node(doomed, allow_graceful=False)
            rest = list(replies)
            assert outcome([*first, *rest]) == undisturbed
            assert outcome(grid.send_and_receive(instructions(grid, model()))) == undisturbed
        assert not ray.is_initialized()
    finally:
        machines.shutdown()
