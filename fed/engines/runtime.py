"""Flower's own runtimes, with what the engines promise: replies in order, deadlines, reasons.

A SuperLink's grid hands over replies as they come, waits forever for a site that is gone, and
keeps a restarted SuperNode's message as delivered. Bit-for-bit results and bounded waits need more.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from logging import getLogger

from flwr.app import Error, Message, RecordDict
from flwr.common.constant import ErrorCode
from flwr.serverapp import Grid
from flwr.supercore.run import Run

log = getLogger(__name__)

POLL_S = 0.5


@dataclass
class Job:
    """A message on its way.

    Attributes
    ----------
    ids : list of str
        Under which it was sent; more than one if its SuperNode was restarted.
    session : str or None
        The stay of the node at the SuperLink in which it was sent; None while it is away.
    away_since : float or None
        When the node was first missed.
    """

    message: Message
    ids: list[str]
    session: str | None
    away_since: float | None
    reply: Message | None = None


class RuntimeGrid(Grid):
    """The grid of a Flower runtime.

    Parameters
    ----------
    grid : flwr.serverapp.Grid
        As Flower gives it to a ServerApp.
    patience_s : float
        How long to wait for a node that goes away while it has a message to answer. A SuperNode
        that comes back under its key within that time is sent the message again.
    """

    def __init__(self, grid: Grid, patience_s: float) -> None:
        self._grid = grid
        self._patience_s = patience_s

    def set_run(self, run: Run) -> None:
        """Set the run that this grid belongs to."""
        self._grid.set_run(run)

    @property
    def run(self) -> Run:
        """The run that this grid belongs to."""
        return self._grid.run

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

    def get_node_ids(self) -> list[int]:
        """Return the ids of the nodes that are connected, in ascending order."""
        return sorted(self._sessions())

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        """Send messages and return their ids."""
        return self._grid.push_messages(list(messages))

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        """Return the replies that are there."""
        return self._grid.pull_messages(message_ids)

    def send_and_receive(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> Iterator[Message]:
        """Send messages and yield one reply each, in the order of the messages.

        Nothing is sent before the first reply is asked for. Replies wait at the SuperLink for
        their turn, so that this process holds one at a time.

        Parameters
        ----------
        messages : Iterable[Message]
        timeout : float, optional
            Deadline of the whole call, in seconds. Nodes that have not answered by then yield an
            error reply that says so.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        sessions = self._sessions()
        jobs = [self._send(message, sessions) for message in messages]
        for turn, job in enumerate(jobs):
            while (reply := self._reply(job, deadline, timeout)) is None:
                time.sleep(POLL_S)
                self._look_after(jobs[turn:])
            yield reply

    def _send(self, message: Message, sessions: dict[int, str]) -> Job:
        session = sessions.get(message.metadata.dst_node_id)
        job = Job(message, [], session, None if session is not None else time.monotonic())
        self._push(job, message)
        return job

    def _push(self, job: Job, message: Message) -> None:
        (message_id,) = list(self._grid.push_messages([message])) or [""]
        if message_id:
            job.ids.append(message_id)
        elif job.reply is None:
            job.reply = _failure(job.message, "the SuperLink would not take the message")

    def _reply(self, job: Job, deadline: float | None, timeout: float | None) -> Message | None:
        if job.reply is not None:
            return job.reply
        now = time.monotonic()
        late = deadline is not None and now >= deadline
        given_up = job.away_since is not None and now >= job.away_since + self._patience_s
        # To ask for the reply of a node that is away makes the SuperLink forget the message.
        if job.away_since is None or late or given_up:
            self._pull(job)
        if job.reply is not None:
            return job.reply
        if late:
            return _failure(job.message, f"no answer within the deadline of {timeout:g} s")
        return None

    def _pull(self, job: Job) -> None:
        for found in self._grid.pull_messages(job.ids):
            if not found.has_error():
                if found.metadata.src_node_id != job.message.metadata.dst_node_id:
                    found = _failure(job.message, "another node answered in its place")
                job.reply = found
                return
            if job.reply is None:
                job.reply = _failure(job.message, self._reason(found.error), found.error.code)

    def _reason(self, error: Error) -> str:
        if error.code == ErrorCode.NODE_UNAVAILABLE:
            return f"went away in the round and did not come back within {self._patience_s:g} s"
        return error.reason or f"error {error.code}"

    def _look_after(self, jobs: Sequence[Job]) -> None:
        """Note who is away, and send again what a restarted node has lost."""
        sessions = self._sessions()
        now = time.monotonic()
        for job in jobs:
            node_id = job.message.metadata.dst_node_id
            session = sessions.get(node_id)
            if session is None:
                if job.away_since is None:
                    log.warning("node %d is away; it is waited for", node_id)
                    job.away_since = now
                continue
            job.away_since = None
            if job.session is not None and session != job.session and job.reply is None:
                self._pull(job)  # it may have answered before it went away
                if job.reply is None:
                    log.warning("node %d is back; its message is sent again", node_id)
                    self._push(job, _copy(job.message))
            job.session = session

    def _sessions(self) -> dict[int, str]:
        """Return for each connected node what tells its present stay from earlier ones."""
        nodes = getattr(self._grid, "get_nodes", None)
        if nodes is None:
            return dict.fromkeys(self._grid.get_node_ids(), "")
        return {node.node_id: node.last_activated_at for node in nodes()}


def _failure(message: Message, reason: str, code: int = ErrorCode.UNKNOWN) -> Message:
    return Message(Error(code, reason), reply_to=message)


def _copy(message: Message) -> Message:
    """Return the same instruction, made now: Flower tells messages apart by when they were made."""
    metadata = message.metadata
    return Message(
        message.content,
        metadata.dst_node_id,
        metadata.message_type,
        group_id=metadata.group_id,
    )
