"""What makes a step of the encoders faster: ``python -m benchmarks.encoders [--scale ...] [--csv]``.

A step is a forward and a backward pass of one encoder in training, and a step of AdamW, on images
of noise in memory, on one thread. Ways take turns, step by step, after one step each that is left
out; a row is the median of the processor's seconds, and of its ratio to the plain way's step of the
same turn, with the lowest and the highest. ``grouped``: the small encoders of four sites as one
network with grouped convolutions, against four steps one after the other.
"""

import argparse
import csv
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import NamedTuple

import torch
from torch import Tensor, nn

from benchmarks.training import SIZES
from clients.site import equipped_network
from fed.config import load
from fed.engines.machine import keep_freed_memory
from fed.engines.site import one_thread
from fed.initial import untrained
from fed.sites import MODALITIES, Modality
from model.parts import ENCODER

RESULTS = Path(__file__).parents[1] / "results" / "encoders.csv"
BATCH = {"small": 16, "medium": 8, "paper": 2}
SITES_GROUPED = 4


@dataclass(frozen=True)
class Way:
    """How an encoder computes."""

    name: str
    fused: bool = False
    channels_last: bool = False
    bf16: bool = False


PLAIN = Way("plain")
WAYS = (
    PLAIN,
    Way("fused AdamW", fused=True),
    Way("channels last", channels_last=True),
    Way("both", fused=True, channels_last=True),
    Way("bf16", bf16=True),
    Way("bf16, both", fused=True, channels_last=True, bf16=True),
)


class Row(NamedTuple):
    """One way; seconds and ratios are medians."""

    scale: str
    modality: str
    batch: int
    way: str
    step_s: float
    ratio: float
    lowest: float
    highest: float


def measure(scale: str, modality: Modality, turns: int) -> list[Row]:
    """Return a row a way, at one size of network."""
    batch = BATCH[scale]
    images = _noise(scale, modality, batch)
    steps = {way.name: _step(_encoder(scale, modality, way), images, way) for way in WAYS}
    rows = _rows(_in_turn(steps, turns), PLAIN.name)
    if scale == "small":
        rows += _grouped(modality, batch, turns)
    return [Row(scale, modality, batch, *row) for row in rows]


def _encoder(scale: str, modality: Modality, way: Way = PLAIN) -> nn.Module:
    image, volume = SIZES[scale]
    settings = {
        "model.scale": scale,
        "data.image_size": image,
        "data.volume_size": volume,
    }
    config = load([Path("configs/demo.yaml")], settings)
    network = equipped_network(config) if way.channels_last else untrained(config)
    return network.get_submodule(ENCODER[modality]).train()


def _noise(scale: str, modality: Modality, batch: int) -> Tensor:
    image, volume = SIZES[scale]
    shape = (3, image, image) if modality == "fundus" else (1, *volume)
    return torch.rand(batch, *shape, generator=torch.Generator().manual_seed(0))


def _step(encoder: nn.Module, images: Tensor, way: Way) -> Callable[[], None]:
    optimizer = torch.optim.AdamW(
        encoder.parameters(), lr=1e-4, foreach=not way.fused, fused=way.fused
    )

    def step() -> None:
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=way.bf16):
            features = encoder(images)
        features.float().square().mean().backward()
        optimizer.step()

    return step


def _grouped(
    modality: Modality, batch: int, turns: int
) -> list[tuple[str, float, float, float, float]]:
    """Return rows of four sites' bodies in one pass, and one after the other."""
    bodies = [_body(_encoder("small", modality)) for _ in range(SITES_GROUPED)]
    images = _noise("small", modality, batch)
    apart = [_step(body, images, PLAIN) for body in bodies]
    together = _step(_joined(bodies[0]), torch.cat([images] * SITES_GROUPED, dim=1), PLAIN)
    ways: dict[str, Callable[[], object]] = {
        f"{SITES_GROUPED} sites apart": lambda: [step() for step in apart],
        f"{SITES_GROUPED} sites grouped": together,
    }
    return _rows(_in_turn(ways, turns), f"{SITES_GROUPED} sites apart")


def _body(encoder: nn.Module) -> nn.Sequential:
    """Return the convolutions of a small encoder, without what comes before and after."""
    layers = encoder.get_submodule("body").children()
    kinds = (nn.Conv2d, nn.Conv3d, nn.BatchNorm2d, nn.BatchNorm3d, nn.ReLU)
    return nn.Sequential(*(layer for layer in layers if isinstance(layer, kinds)))


def _joined(body: nn.Sequential) -> nn.Sequential:
    """Return a body of several sites: their channels side by side, none seen by another's."""
    layers: list[nn.Module] = []
    for layer in body:
        if isinstance(layer, nn.Conv2d | nn.Conv3d):
            layers.append(
                type(layer)(
                    SITES_GROUPED * layer.in_channels,
                    SITES_GROUPED * layer.out_channels,
                    layer.kernel_size,  # type: ignore[arg-type]
                    stride=layer.stride,  # type: ignore[arg-type]
                    padding=layer.padding,  # type: ignore[arg-type]
                    groups=SITES_GROUPED,
                    bias=False,
                )
            )
        elif isinstance(layer, nn.BatchNorm2d | nn.BatchNorm3d):
            layers.append(type(layer)(SITES_GROUPED * layer.num_features))
        else:
            layers.append(layer)
    return nn.Sequential(*layers)


def _in_turn(ways: dict[str, Callable[[], object]], turns: int) -> dict[str, list[float]]:
    """Return the processor's seconds of each way, called in turn; the first turn is left out."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(1 + turns):
        for name, call in ways.items():
            begun = time.process_time()
            call()
            found[name].append(time.process_time() - begun)
    return {name: seconds[1:] for name, seconds in found.items()}


def _rows(
    seconds: dict[str, list[float]], plain: str
) -> list[tuple[str, float, float, float, float]]:
    rows = []
    for name, own in seconds.items():
        ratios = [a / b for a, b in zip(own, seconds[plain], strict=True)]
        rows.append((name, median(own), median(ratios), min(ratios), max(ratios)))
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", nargs="+", choices=BATCH, default=["small", "medium"])
    parser.add_argument("--turns", type=int, help="by default 100, 5 or 3 by scale")
    parser.add_argument("--csv", action="store_true", help="write results/encoders.csv")
    asked = parser.parse_args()
    keep_freed_memory()
    rows: list[Row] = []
    with one_thread():
        for scale in asked.scale:
            for modality in MODALITIES:
                turns = asked.turns or {"small": 100, "medium": 5, "paper": 3}[scale]
                for row in measure(scale, modality, turns):
                    rows.append(row)
                    print(
                        f"{row.scale:6} {row.modality:6} {row.way:15} {row.step_s:9.4f} s "
                        f"{row.ratio:6.3f} ({row.lowest:.3f} to {row.highest:.3f})",
                        flush=True,
                    )
    if asked.csv:
        _write(rows)


def _write(rows: Sequence[Row]) -> None:
    ends = (time.strftime("%Y-%m-%d"), f"{platform.machine()}, one thread")
    with RESULTS.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow((*Row._fields, "date", "machine"))
        writer.writerows(
            [*(f"{v:.4g}" if isinstance(v, float) else v for v in row), *ends] for row in rows
        )


if __name__ == "__main__":
    main()
