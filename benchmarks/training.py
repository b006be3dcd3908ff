"""A site's round of training: cases a second, and where the time goes.

``python -m benchmarks.training [--scale small medium paper] [--cases N] [--csv]`` trains rounds of
each phase of ``fedrima`` at a site with both modalities, on one thread, from prepared images, and
prints a line a scale and phase: of the round of median speed. ``--csv`` puts the lines into
``results/training.csv``, in the place of those of the same scales.

Seconds are of processor time, from a request to its reply, so that others on the machine hardly
count. Shares: ``data``, reading prepared images and moving them to where the site computes;
``augmentation``, varying them there; ``encoders``, their forward and backward passes;
``transport``, couplings; ``communication``, packing and unpacking both messages; ``fusion``, the
rest: heads, fusion, losses, optimiser. ``bare encoders`` is how many cases a second the encoders
alone train on, the images being there.
"""

import argparse
import csv
import platform
import resource
import tempfile
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from torch import nn

from clients.couplings import CouplingLog
from clients.images import SiteImages
from clients.site import LocalSite, open_site
from clients.training import train
from fed import protocol
from fed.config import resolve
from fed.data.opening import prepare_images
from fed.engines.site import one_thread
from fed.initial import initial_model
from fed.protocol import TrainTask
from fed.states import State
from model.rima import Batch

RESULTS = Path(__file__).parents[1] / "results" / "training.csv"
SIZES: dict[str, tuple[int, list[int]]] = {
    "small": (64, [16, 32, 32]),
    "medium": (256, [64, 96, 96]),
    "paper": (384, [96, 96, 96]),
}
PHASES = ("encoders", "fusion")
ROUNDS = {"small": 9, "medium": 3, "paper": 1}
TIMED = ("data", "augmentation", "encoders", "transport")


class Row(NamedTuple):
    """One measurement."""

    scale: str
    phase: str
    cases: int
    cases_a_second: float
    bare_encoders: float
    data: float
    augmentation: float
    encoders: float
    transport: float
    communication: float
    fusion: float
    peak_gib: float


class Clock:
    """Adds up seconds by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._begun: dict[int, float] = {}

    def around(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return `function`, timed."""

        def timed(*arguments: Any, **options: Any) -> Any:
            start = time.process_time()
            try:
                return function(*arguments, **options)
            finally:
                self.seconds[name] += time.process_time() - start

        return timed

    def watch(self, encoder: nn.Module) -> list[Any]:
        """Time the passes of an encoder; its backward pass from the first gradient to the last."""
        first, last = _ends(encoder)
        return [
            encoder.register_forward_pre_hook(lambda *_: self._begin(id(encoder))),
            encoder.register_forward_hook(lambda *_: self._end(id(encoder))),
            last.register_full_backward_pre_hook(lambda *_: self._begin(id(last))),
            first.register_full_backward_hook(lambda *_: self._end(id(last))),
        ]

    def _begin(self, key: int) -> None:
        self._begun.setdefault(key, time.process_time())

    def _end(self, key: int) -> None:
        if key in self._begun:
            self.seconds["encoders"] += time.process_time() - self._begun.pop(key)


def _ends(encoder: nn.Module) -> tuple[nn.Module, nn.Module]:
    """Return the layers with weights that a pass forward meets first and last."""
    layers = [m for m in encoder.modules() if isinstance(m, nn.Conv2d | nn.Conv3d | nn.Linear)]
    return layers[0], layers[-1]


def measure(scale: str, cases: int, folder: Path) -> Iterator[Row]:
    """Train rounds of each phase at one site; a row is the round of median speed, the first aside."""
    site = site_of_noise(scale, cases, folder)
    model = initial_model(site.config)
    bare = _bare(site, model, cases)
    for phase, name in enumerate(PHASES):
        rounds = [_round(site, model, phase, number) for number in range(1 + ROUNDS[scale])]
        total, shares = sorted(rounds[1:], key=lambda timed: timed[0])[ROUNDS[scale] // 2]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        yield Row(scale, name, cases, cases / total, bare, **shares, peak_gib=peak)


def _round(
    site: LocalSite, model: State, phase: int, number: int
) -> tuple[float, dict[str, float]]:
    """Return the seconds of a round, and the share of each part of it."""
    clock = Clock()
    network = site.network(model)
    hooks = [h for e in (network.fundus_encoder, network.oct_encoder) for h in clock.watch(e)]
    with (
        _timed(SiteImages, "read", clock, "data"),
        _timed(SiteImages, "varied", clock, "augmentation"),
        _timed(CouplingLog, "coupling", clock, "transport"),
    ):
        start = time.process_time()
        request = protocol.pack_train_task(TrainTask(number, phase, 1e-4, model, {}))
        task = protocol.unpack_train_task(request)
        unpacked = time.process_time()
        update = train(site, task)
        trained = time.process_time()
        protocol.unpack_update(protocol.pack_update(update))
        end = time.process_time()
    for hook in hooks:
        hook.remove()
    total = end - start
    shares = {name: clock.seconds[name] / total for name in TIMED}
    shares["communication"] = (unpacked - start + end - trained) / total
    return total, shares | {"fusion": 1 - sum(shares.values())}


@contextmanager
def _timed(owner: type, method: str, clock: Clock, name: str) -> Iterator[None]:
    plain = getattr(owner, method)
    setattr(owner, method, clock.around(name, plain))
    try:
        yield
    finally:
        setattr(owner, method, plain)


def _bare(site: LocalSite, model: State, cases: int) -> float:
    """Return cases a second of the encoders alone, forward and backward, batch by batch."""
    network = site.network(model).train().requires_grad_(True)
    size = site.config.training.batch_size
    parts = [
        site.images.batch(np.arange(at, min(at + size, cases))) for at in range(0, cases, size)
    ]
    for timed in (False, True):
        start = time.process_time()
        for batch in parts if timed else parts[:1]:
            _pass(network.fundus_encoder, network.oct_encoder, batch)
    seconds = time.process_time() - start
    network.zero_grad(set_to_none=True)
    return cases / seconds


def _pass(fundus: nn.Module, oct_: nn.Module, batch: Batch) -> None:
    (fundus(batch.fundus).square().mean() + oct_(batch.oct.unsqueeze(1)).square().mean()).backward()


def site_of_noise(scale: str, cases: int, folder: Path, gpus_per_worker: float = 0.0) -> LocalSite:
    """Write eyes of noise, prepare them, and return the site that holds them."""
    random = np.random.default_rng(0)
    image, volume = SIZES[scale]
    lines = ["case_id,fundus,oct,grade,where"]
    for case in range(cases + 8):
        pixels = random.integers(40, 255, (image, image, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{case}.png")
        np.save(folder / f"{case}.npy", random.integers(0, 255, volume, dtype=np.uint8))
        where = "clinic" if case < cases else "unseen"
        lines.append(f"{case},{case}.png,{case}.npy,{case % 4},{where}")
    (folder / "manifest.csv").write_text("\n".join(lines))
    group = {"modalities": ["fundus", "oct"]}
    data = {
        "source": "manifest",
        "path": str(folder / "manifest.csv"),
        "prepared": str(folder / "prepared"),
        "site_column": "where",
        "image_size": image,
        "volume_size": volume,
    }
    config = resolve(
        {
            "data": data,
            "sites": [
                {"name": "clinic", "cases": ["clinic"]} | group,
                {"name": "unseen", "role": "held_out", "cases": ["unseen"]} | group,
            ],
            "model": {"scale": scale},
            "training": {"batch_size": min(32, cases)},
            "engine": {"gpus_per_worker": gpus_per_worker},
        }
    )
    prepare_images(config, 1)
    return open_site(config, "clinic")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", nargs="+", choices=SIZES, default=["small", "medium"])
    parser.add_argument("--cases", type=int, default=32)
    parser.add_argument("--csv", action="store_true", help="into results/training.csv")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", message="Full backward hook")  # of images: they need none
    rows: list[Row] = []
    for scale in arguments.scale:
        with tempfile.TemporaryDirectory() as folder, one_thread():
            for row in measure(scale, arguments.cases, Path(folder)):
                rows.append(row)
                shown = (
                    f"{name} {value:.3g}"
                    for name, value in row._asdict().items()
                    if name not in ("scale", "phase")
                )
                print(f"{row.scale:6} {row.phase:8} " + ", ".join(shown), flush=True)
    if arguments.csv:
        _write(rows)


def _write(rows: list[Row]) -> None:
    """Put rows into the file, in the place of those of the same scales."""
    header = (*Row._fields, "date", "machine")
    measured = {row.scale for row in rows}
    _, *earlier = csv.reader(RESULTS.read_text().splitlines()) if RESULTS.exists() else [header]
    ends = (time.strftime("%Y-%m-%d"), f"{platform.processor() or platform.machine()}, one thread")
    figures = [[f"{v:.4g}" if isinstance(v, float) else v for v in row] for row in rows]
    table = [row for row in earlier if row[0] not in measured] + [[*row, *ends] for row in figures]
    with RESULTS.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([header, *sorted(table, key=lambda row: list(SIZES).index(row[0]))])


if __name__ == "__main__":
    main()
