"""The ClientApps that the engine benchmark runs, the same on every runtime."""

import time

import numpy as np
import torch
from flwr.app import Array, ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

idle = ClientApp()
compute = ClientApp()
model = ClientApp()


@idle.train()
def answer_at_once(message: Message, context: Context) -> Message:
    """Do nothing."""
    return Message(RecordDict(), reply_to=message)


@compute.train()
def multiply(message: Message, context: Context) -> Message:
    """Multiply matrices as often as the message says, and tell the seconds."""
    start = time.perf_counter()
    matrix = torch.eye(192)
    for _ in range(int(message.content.config_records["work"]["products"])):  # type: ignore[arg-type]
        matrix = matrix @ matrix
    seconds = time.perf_counter() - start
    return Message(RecordDict({"time": MetricRecord({"seconds": seconds})}), reply_to=message)


@model.train()
def shift(message: Message, context: Context) -> Message:
    """Return a model of the size received."""
    shifted = ArrayRecord()
    for key, array in message.content.array_records["model"].items():
        shifted[key] = Array(array.numpy() + np.float32(1))
    return Message(RecordDict({"model": shifted}), reply_to=message)
