"""What the engines need from inside Flower: message identities, error replies, records' bytes."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from flwr.app import ArrayRecord, Error, Message, RecordDict
from flwr.common.constant import ErrorCode
from flwr.supercore.task_identity import TaskIdentity

RUN_ID = 1
SERVER_NODE_ID = 0  # sites are 1..n


@contextmanager
def server_identity() -> Iterator[None]:
    """Let this process construct instruction messages, as Flower's own runtime would.

    The identity that was there before comes back on exit.
    """
    attributes = ("_task_id", "_run_id", "_node_id")
    before = {name: getattr(TaskIdentity, name) for name in attributes}
    TaskIdentity.task_id = 1
    TaskIdentity.run_id = RUN_ID
    TaskIdentity.node_id = SERVER_NODE_ID
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(TaskIdentity, name, value)


def identify(message: Message, message_id: str) -> None:
    """Give an instruction message the identifier that its reply will name."""
    message.metadata.__dict__["_message_id"] = message_id


def failure(message: Message, site: str, summary: str, details: str = "") -> Message:
    """Reply to ``message`` with an error whose reason begins with one line naming the site."""
    line = f"site {site}: {' '.join(summary.split())}"
    reason = f"{line}\n{details}" if details else line
    return Message(Error(ErrorCode.CLIENT_APP_RAISED_EXCEPTION, reason), reply_to=message)


def exception_failure(message: Message, site: str, error: BaseException) -> Message:
    """Reply with the exception in one line and its traceback below."""
    summary = "".join(traceback.format_exception_only(error))
    return failure(message, site, summary, "".join(traceback.format_exception(error)))


def array_bytes(record: ArrayRecord) -> int:
    """Count the bytes of a record's arrays."""
    return sum(len(array.data) for array in record.values())


def late(message: Message, site: str, timeout: float) -> Message:
    """Reply for a site that had not answered by the deadline."""
    return failure(message, site, f"no answer within the deadline of {timeout:g} s")


def private_copy(message: Message) -> Message:
    """Copy a message down to its arrays, which are immutable bytes.

    A ClientApp may then change the records it was given, though other messages share them.
    """
    content = RecordDict({name: record.copy() for name, record in message.content.items()})
    private = Message.__new__(Message)  # the constructor's checks would cost half of an idle site
    private.__dict__.update(message.__dict__, _content=content)
    return private
