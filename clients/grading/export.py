"""The network of a finished run as one file that other software loads."""

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from clients.answers import log_probabilities
from clients.grading.model import TrainedModel
from fed.engines.site import one_thread
from fed.errors import ConfigError, RunError
from fed.sites import MODALITIES, Modality
from model.parts import ENCODER
from model.rima import Encoder, Features

Form = Literal["onnx", "torchscript"]
SUFFIX: dict[Form, str] = {"onnx": ".onnx", "torchscript": ".pt"}

INPUTS = ("fundus", "oct", "has_fundus", "has_oct")
OUTPUT = "probabilities"
TOLERANCE = 1e-5
TRIED = (1, 2, 5)
"""Numbers of eyes that a file is tried with before it is handed out."""


class WholeNetwork(nn.Module):
    """From images to probabilities, whatever each eye has.

    Inputs are those of `INPUTS` for ``n`` eyes: ``(n, 3, height, width)`` and
    ``(n, slices, depth, width)`` in [0, 1], and ``(n,)`` bool each. What an eye has not is not
    looked at, whatever its place in the input holds. An eye with neither gets what the model
    knows without looking.
    """

    def __init__(self, model: TrainedModel) -> None:
        super().__init__()
        self.network = model.network
        self._method = model.config.method
        self._seen = model.seen

    def forward(self, fundus: Tensor, oct: Tensor, has_fundus: Tensor, has_oct: Tensor) -> Tensor:
        """Return probabilities ``(n, K)``, in 32 bits."""
        if "fundus" not in self._seen:
            has_fundus = has_fundus & ~has_fundus
        if "oct" not in self._seen:
            has_oct = has_oct & ~has_oct
        photographs = self.network.fundus_encoder(fundus).float()
        scans = self.network.oct_encoder(oct.unsqueeze(1)).float()
        features = Features(
            torch.where(has_fundus[:, None], photographs, 0.0),
            torch.where(has_oct[:, None], scans, 0.0),
            has_fundus,
            has_oct,
        )
        return log_probabilities(self.network, self._method, features).exp().float()


@dataclass(frozen=True)
class Exported:
    """A file that was written, and how far its numbers were from those of the model, at most."""

    path: Path
    largest_difference: float


def export(model: TrainedModel, form: Form, path: Path) -> Exported:
    """Write a model as a file and try it: some eyes with both images and with either, in 32 bits.

    Raises
    ------
    ConfigError
        If the model cannot be one file, or a package is missing.
    RunError
        If the file gives other numbers than the model.
    """
    if model.config.model.normalisation == "local":
        raise ConfigError(
            "export: with model.normalisation local the network takes statistics of the eyes that "
            "it grades, which a file cannot"
        )
    network = WholeNetwork(model).eval()
    with one_thread(), _silent(), torch.no_grad():
        network(*_eyes(model, 3))  # fills what encoders keep between calls with real numbers
        write, run = {"onnx": (_write_onnx, _run_onnx), "torchscript": (_write_ts, _run_ts)}[form]
        write(model, network, path)
        loaded = run(path)
        worst = 0.0
        for number in TRIED:
            eyes = _eyes(model, number)
            worst = max(worst, float((loaded(eyes) - network(*eyes)).abs().max()))
    if not worst <= TOLERANCE:
        raise RunError(f"{path}: gives numbers that are off by {worst:.1e}; do not use it")
    return Exported(path, worst)


def described(model: TrainedModel) -> dict[str, str]:
    """Return what a file says of itself."""
    data = model.config.data
    return {
        "classes": json.dumps(model.classes),
        "fundus": json.dumps([3, data.image_size, data.image_size]),
        "oct": json.dumps(list(data.volume_size)),
        "seen": json.dumps(model.seen),
        "sha256": model.digest,
    }


def _write_onnx(model: TrainedModel, network: WholeNetwork, path: Path) -> None:
    onnx = _package("onnx")
    _package("onnxscript")
    eyes = torch.export.Dim("eyes", min=1)
    aten = torch.ops.aten
    program = torch.export.export(
        network, _eyes(model, 3), dynamic_shapes=tuple({0: eyes} for _ in INPUTS)
    ).run_decompositions(
        {
            aten.adaptive_avg_pool3d.default: _pooled,
            aten._adaptive_avg_pool3d.default: _pooled,
        }
    )
    written = torch.onnx.export(
        program, (), dynamo=True, input_names=INPUTS, output_names=[OUTPUT], verbose=False
    )
    assert written is not None
    proto = written.model_proto
    onnx.helper.set_model_props(proto, described(model))
    onnx.save(proto, str(path))


def _run_onnx(path: Path) -> Any:
    session = _package("onnxruntime").InferenceSession(str(path))
    used = {each.name for each in session.get_inputs()}

    def run(eyes: tuple[Tensor, ...]) -> Tensor:
        given = {n: e.numpy() for n, e in zip(INPUTS, eyes, strict=True) if n in used}
        return torch.from_numpy(session.run([OUTPUT], given)[0])

    return run


def _write_ts(model: TrainedModel, network: WholeNetwork, path: Path) -> None:
    traced = torch.jit.trace(network, _eyes(model, 3), check_trace=False)
    extra = {name: text.encode() for name, text in described(model).items()}
    torch.jit.save(traced, str(path), _extra_files=extra)


def _run_ts(path: Path) -> Any:
    loaded = torch.jit.load(str(path))
    return lambda eyes: loaded(*eyes)


def _eyes(model: TrainedModel, number: int) -> tuple[Tensor, ...]:
    """Return eyes to try a file with: with both images, with fundus, with OCT, and so on."""
    random = torch.Generator().manual_seed(number)
    images = [torch.rand(number, *_shape(model, m), generator=random) for m in MODALITIES]
    turn = torch.arange(number) % 3
    return (*images, turn != 2, turn != 1)


def _shape(model: TrainedModel, modality: Modality) -> tuple[int, ...]:
    if modality in model.config.model.frozen:
        encoder = model.network.get_submodule(ENCODER[modality])
        return (cast(Encoder, encoder).features,)
    data = model.config.data
    return (3, data.image_size, data.image_size) if modality == "fundus" else data.volume_size


def _pooled(maps: Tensor, size: tuple[int, ...]) -> Tensor:
    """Return ``adaptive_avg_pool3d``, for which ONNX has no operator, as means of slices."""
    for axis, bins in zip((-3, -2, -1), size, strict=True):
        length = maps.shape[axis]
        cuts = [(at * length // bins, -(-(at + 1) * length // bins)) for at in range(bins)]
        means = [maps.narrow(axis, a, b - a).mean(axis, keepdim=True) for a, b in cuts]
        maps = torch.cat(means, axis)
    return maps


def _package(name: str) -> Any:
    try:
        return __import__(name)
    except ImportError:
        raise ConfigError(f"--to onnx needs {name}: pip install 'fedrima[export]'") from None


@contextmanager
def _silent() -> Iterator[None]:
    """Keep back what the exporters say of packages that are not needed, and of their own future."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
