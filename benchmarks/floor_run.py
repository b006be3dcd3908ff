"""One process of `benchmarks.floor`: a run whose passes are written down, or these alone.

``python -m benchmarks.floor_run record PASSES [simulate.py's arguments]`` and
``python -m benchmarks.floor_run replay PASSES CONFIG``.
"""

import json
import sys
import time
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import torch

import clients.app
import server.simulation
from benchmarks.training import Clock
from clients.couplings import CouplingLog
from clients.images import SiteImages
from clients.objectives import AlignmentLoss, ExpertLoss, FusionLoss
from clients.site import equipped_network
from fed.config import load
from fed.engines.machine import keep_freed_memory
from fed.engines.site import one_thread
from fedrima.command import app
from model.rima import RIMA, Batch, Features
from model.slots import in_slots
from server.recorder import Recorder

PARTS = (
    ("images", SiteImages, "read"),
    ("augmentation", SiteImages, "varied"),
    ("losses", ExpertLoss, "__call__"),
    ("losses", FusionLoss, "__call__"),
    ("losses", AlignmentLoss, "__call__"),
    ("transport", CouplingLog, "coupling"),
    ("training", clients.app, "train"),
    ("results", Recorder, "finish"),
    ("report", server.simulation, "write_report"),
)
"""What is timed beside the passes: ``losses`` are forward passes only, ``transport`` is a part of
them, and ``training`` is all that sites do in rounds of training."""


class Pass(NamedTuple):
    """What the encoders were given at once.

    Attributes
    ----------
    fundus, oct : int
        Images; an encoder without any is not run.
    slot : int or None
        As `RIMA.encode` takes it.
    trains : bool
        Whether a backward pass and a step of the optimiser follow.
    """

    fundus: int
    oct: int
    slot: int | None
    trains: bool


def record(file: Path, arguments: list[str]) -> None:
    """Run a federation, and write what its encoders were given, in order, and seconds by part."""
    encode, seen, clock = RIMA.encode, list[Pass](), Clock()

    def watched(network: RIMA, batch: Batch, slot: int | None = None) -> Features:
        if not seen:
            clock.seconds["start"] = time.process_time() - sum(clock.seconds.values())
        features = encode(network, batch, slot)
        trains = features.fundus.requires_grad or features.oct.requires_grad
        seen.append(Pass(len(batch.fundus), len(batch.oct), slot, trains))
        return features

    with ExitStack() as stack:
        stack.enter_context(patch.object(RIMA, "encode", watched))
        for name, owner, method in PARTS:
            timed = clock.around(name, getattr(owner, method))
            stack.enter_context(patch.object(owner, method, timed))
        app(["run", *arguments], standalone_mode=False)
    seconds = dict.fromkeys((name for name, *_ in PARTS), 0.0) | clock.seconds
    file.write_text(json.dumps({"passes": seen, "seconds": seconds}))


def replay(file: Path, config_file: Path) -> float:
    """Return the processor's seconds of the passes alone, on images of noise in memory."""
    config = load([config_file])
    network, size = equipped_network(config), config.data.image_size
    passes = [Pass(*each) for each in json.loads(file.read_text())["passes"]]
    random = torch.Generator().manual_seed(0)
    parts = [
        (network.fundus_encoder, (3, size, size), [each.fundus for each in passes]),
        (network.oct_encoder, (1, *config.data.volume_size), [each.oct for each in passes]),
    ]
    images = [torch.rand(max(counts), *shape, generator=random) for _, shape, counts in parts]
    weights = list(chain.from_iterable(encoder.parameters() for encoder, _, _ in parts))
    training = config.training
    optimizer = torch.optim.AdamW(
        weights, lr=training.lr, weight_decay=training.weight_decay, fused=True
    )
    keep_freed_memory()
    with one_thread():
        start = time.process_time()
        for each in passes:
            network.train(each.trains)
            with torch.set_grad_enabled(each.trains):
                features = [
                    in_slots(encoder, own[:count], size=each.slot or count)
                    for (encoder, _, _), own, count in zip(parts, images, each[:2], strict=True)
                    if count
                ]
            if each.trains:
                optimizer.zero_grad()
                torch.cat(features).square().mean().backward()
                optimizer.step()
        return time.process_time() - start


if __name__ == "__main__":
    what, passes_file, *others = sys.argv[1:]
    if what == "record":
        record(Path(passes_file), others)
    else:
        print(replay(Path(passes_file), Path(others[0])))
