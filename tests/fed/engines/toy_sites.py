"""A ClientApp whose message says what each site shall do; Ray workers import it, too."""

import os
import signal
import time
from pathlib import Path

import torch
from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Message, RecordDict
from flwr.clientapp import ClientApp

app = ClientApp()
answered: list[str] = []  # by this process


@app.train()
def train(message: Message, context: Context) -> Message:
    """Add the site's own numbers to the model, after doing what the message orders."""
    site = str(context.node_config["site"])
    orders = message.content.config_records.get("orders", ConfigRecord())
    obey(site, orders)
    answered.append(site)
    model = ArrayRecord()
    for key, array in message.content.array_records.get("model", ArrayRecord()).items():
        noise = torch.randn(array.shape, generator=torch.Generator().manual_seed(context.node_id))
        matrix = noise.reshape(-1, array.shape[-1])
        product = (matrix.T @ matrix).sum(0)  # its bits depend on the order of summation
        model[key] = Array(array.numpy() + noise.numpy() + product.numpy())
    facts = ConfigRecord(
        {
            "site": site,
            "pid": os.getpid(),
            "node_id": context.node_id,
            "round": context.run_config.get("round", 0),
            "threads": torch.get_num_threads(),
            "state": len(context.state),
            "model_was_there": "model" in message.content,
        }
    )
    context.state["seen"] = ConfigRecord({"site": site})
    message.content.pop("model", None)  # must not show at the other sites
    return Message(RecordDict({"model": model, "facts": facts}), reply_to=message)


def obey(site: str, orders: ConfigRecord) -> None:
    """Do what the message orders for this site, or for all."""
    match orders.get(site):
        case "raise":
            raise ArithmeticError("two\nlines")
        case "exit":
            raise SystemExit(3)
        case "hang":
            time.sleep(600)
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "die once" if not (marker := Path(str(orders["folder"])) / site).exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(float(orders.get("seconds", 0.0)))  # type: ignore[arg-type]
