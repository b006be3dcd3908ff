"""The sites' own ClientApp, with faults where the run's configuration orders them."""

import json
import os
import resource
import signal
import time
from pathlib import Path

import numpy as np
from flwr.app import Array, ArrayRecord, Context, Message
from flwr.clientapp import ClientApp
from flwr.clientapp.typing import ClientAppCallable

from clients.app import app as sites
from fed import protocol


def misbehave(message: Message, context: Context, answer: ClientAppCallable) -> Message:
    """Do what ``faults`` orders for this site and round: {site: [round, fault]}."""
    number, fault = json.loads(str(context.run_config["faults"])).get(
        context.node_config["site"], (0, "")
    )
    if message.metadata.message_type != protocol.TRAIN or int(message.metadata.group_id) != number:
        return answer(message, context)
    match fault:
        case "raise":
            raise ArithmeticError("the site's own trouble")
        case "hang":
            time.sleep(600)
        case "die once" if not (marker := Path(str(context.run_config["out"])) / "died").exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        case "memory":
            exhaust_memory()
    reply = answer(message, context)
    if fault in ("nan", "shape"):
        spoil(reply, fault)
    return reply


def spoil(reply: Message, fault: str) -> None:
    """Change one array of an update."""
    record: ArrayRecord = reply.content.array_records["parameters"]
    name, array = next((n, a.numpy()) for n, a in record.items() if a.numpy().ndim > 1)
    spoilt = np.full_like(array, np.nan) if fault == "nan" else array[:1]
    record[name] = Array(spoilt)


def exhaust_memory() -> None:
    """Ask for more memory than this process may have."""
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (2**36, limits[1]))
    try:
        np.ones(2**40, np.uint8)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


class FaultySites(ClientApp):
    """Answers as the sites do, unless a fault is ordered."""

    def __call__(self, message: Message, context: Context) -> Message:
        return misbehave(message, context, sites)


app = FaultySites()
