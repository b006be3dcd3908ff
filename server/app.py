"""ServerApp: gathers the roster, runs the rounds, writes the outputs."""

import json
import time
from collections.abc import Sequence
from logging import getLogger
from pathlib import Path

from flwr.app import Context, Message, RecordDict
from flwr.serverapp import Grid, ServerApp

from fed import protocol
from fed.config import Config, resolve
from fed.errors import RunError
from fed.randomness import derive
from model.network import build
from server.observers import Failure, Observer
from server.recorder import Recorder
from server.roster import Member, Roster, make_roster
from server.rounds import Rounds, first_progress
from server.schedule import schedule

log = getLogger(__name__)


def make_app(observers: Sequence[Observer] = ()) -> ServerApp:
    """Return a ServerApp whose run the observers follow."""
    server_app = ServerApp()

    @server_app.main()
    def main(grid: Grid, context: Context) -> None:
        config = resolve(json.loads(str(context.run_config["federation"])))
        coordinate(config, Path(str(context.run_config["out"])), grid, observers)

    return server_app


def coordinate(config: Config, directory: Path, grid: Grid, observers: Sequence[Observer]) -> None:
    """Run one federation from its roster to its results; an interrupted one goes on.

    Raises
    ------
    RunError
        If a site cannot be reached at the start, or too few answer a round.
    """
    start = time.perf_counter()
    recorder = Recorder(directory, config)
    roster = gather(grid, config, observers)
    progress = recorder.resume() or first_progress(initial_model(config), config)
    for observer in observers:
        observer.started(tuple(m.card for m in roster.members), schedule(config))
    rounds = Rounds(config, roster, grid, observers)
    verdict = rounds.run(progress, recorder)
    if not verdict.held_out:  # resumed after the last round
        verdict = rounds.judge(progress, progress.completed)
    recorder.finish(roster, progress, verdict, time.perf_counter() - start)


def gather(grid: Grid, config: Config, observers: Sequence[Observer]) -> Roster:
    """Ask every node for its card.

    Raises
    ------
    RunError
        If a node fails to answer, or nobody holds anything.
    """
    messages = [
        Message(RecordDict(), node_id, protocol.CARD) for node_id in sorted(grid.get_node_ids())
    ]
    members = []
    for reply in grid.send_and_receive(messages):
        node_id = reply.metadata.src_node_id
        if reply.has_error():
            failure = Failure(f"node {node_id}", reply.error.reason or "no reason given")
            for observer in observers:
                observer.failed(failure)
            raise RunError(f"a site could not tell who it is: {failure.headline}")
        members.append(Member(node_id, protocol.unpack_card(reply.content)))
    roster = make_roster(members, config)
    for role in ("train", "held_out"):
        if not any(m.card.total for m in roster.with_role(role)):
            raise RunError(f"no {role} site has any case")
    return roster


def initial_model(config: Config) -> protocol.State:
    """Return the network before any training."""
    network = build(
        config.model.scale,
        len(config.task.classes),
        config.data.image_size,
        config.data.volume_size,
        derive(config.seed, "network"),
    )
    return {key: value.numpy() for key, value in network.state_dict().items()}


app = make_app()
