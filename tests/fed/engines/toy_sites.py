"""A ClientApp whose message says what the site shall do; imported by Ray workers, too."""

import os
import signal
import time
from pathlib import Path

import numpy as np
import torch
from flwr.app import ArrayRecord, ConfigRecord, Context, Message, RecordDict
from flwr.clientapp import ClientApp

app = ClientApp()
answered: list[str] = []  # by this process


@app.train()
def train(message: Message, context: Context) -> Message:
    """Add the site's own numbers to the arrays, after doing what the message says."""
    site = str(context.node_config["site"])
    orders = message.content.config_records.get("orders", ConfigRecord())
    match orders.get(site):
        case "raise":
            raise ArithmeticError(f"{site} divides\nby zero")
        case "exit":
            raise SystemExit(3)
        case "none":
            return None  # type: ignore[return-value]
        case "hang":
            time.sleep(600)
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "die once" if not (marker := Path(str(orders["marker"])) / site).exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(float(orders.get("seconds", 0.0)))  # type: ignore[arg-type]
    answered.append(site)
    arrays = ArrayRecord()
    for key, array in message.content.array_records.get("model", ArrayRecord()).items():
        generator = torch.Generator().manual_seed(context.node_id)
        noise = torch.randn(array.shape, generator=generator)
        matrix = noise.reshape(-1, array.shape[-1])
        product = (matrix.T @ matrix).sum(0)  # bits depend on the order of summation
        arrays[key] = _array(array.numpy() + noise.numpy() + product.numpy())
    facts = ConfigRecord(
        {
            "site": site,
            "pid": os.getpid(),
            "node_id": context.node_id,
            "run_config": sorted(f"{key}={value}" for key, value in context.run_config.items()),
            "torch_threads": torch.get_num_threads(),
            "answered": len(answered),
            "state": len(context.state),
        }
    )
    context.state["seen"] = ConfigRecord({"site": site})
    if "model" in message.content:
        del message.content["model"]  # must not reach the other sites
    return Message(RecordDict({"model": arrays, "facts": facts}), reply_to=message)


def _array(values: np.ndarray):  # type: ignore[no-untyped-def,type-arg]
    from flwr.app import Array

    return Array(values)
