"""Take published weights: encoder files as they are, and the authors' released RIMA checkpoint.

Every tensor of a file is either taken, ignored for a stated reason, or an error; so is every
tensor of the network. A refused file leaves the network as it was.
"""

import pickle
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

SUFFIXES = (".pth", ".pt", ".safetensors")
HEADS = ("fc.", "conv_seg.")
"""Heads of the tasks the public encoders were trained for: ImageNet classes, segmentation."""
COUNTERS = "num_batches_tracked"
"""BatchNorm's counter, absent from files older than it; nothing here computes with it."""

RELEASED_PREFIXES = {
    "fundus_encoder.": "res2net_2DNet.res2net.",
    "oct_encoder.": "resnet_3DNet.resnet_3DNet.",
    "fundus_fusion.": "attention_fundus.",
    "fundus2oct.": "fundus2oct.",
    "oct2fundus.": "oct2fundus.",
    "oct_fusion.": "oct_fusion.",
    "classifier.": "fc.",
}
"""Our modules, and what the authors' checkpoint calls them (RIMA, MICCAI 2025)."""
ABSENT_MODULES = ("fundus_head.", "oct_head.", "transport.")
"""Our modules that the authors' network does not have."""


class WeightsError(ValueError):
    """A file of weights is unreadable or does not fit the network."""


@dataclass(frozen=True)
class Matched:
    """What became of the tensors of a file and of a network.

    Attributes
    ----------
    tensors : int
        Taken from the file.
    ignored : tuple of str
        In the file, and left there: names as in the file, sorted.
    absent : tuple of str
        Not in the file, and left as they were: names of the network, sorted.
    """

    tensors: int
    ignored: tuple[str, ...]
    absent: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"{self.tensors} tensors matched, {len(self.ignored)} of the file ignored, "
            f"{len(self.absent)} of the network not in the file"
        )


def load_encoder_weights(module: nn.Module, path: Path) -> Matched:
    """Load a public file of encoder weights into `module`.

    Parameters
    ----------
    module : nn.Module
        `Res2Net` or `ResNet3d`, with BatchNorm.
    path : Path
        ``.pth``, ``.pt`` or ``.safetensors``: a state dict or ``{"state_dict": ...}``, with or
        without a ``module.`` prefix. Classification and segmentation heads are ignored.

    Raises
    ------
    WeightsError
        If the file cannot be read, or any other name or any shape differs.
    """
    return _take({key: key for key in module.state_dict()}, module, path, HEADS)


def import_released_checkpoint(model: nn.Module, path: Path) -> Matched:
    """Load the authors' released RIMA checkpoint into the whole network.

    The expert heads and the feature transport, which the release does not have, stay as they are
    and are reported as absent.

    Parameters
    ----------
    model : nn.Module
        A network with the submodules of `RELEASED_PREFIXES`, at ``scale: paper``.
    path : Path
        As for `load_encoder_weights`.

    Raises
    ------
    WeightsError
        If the file cannot be read, or any name or shape differs.
    """
    names = {
        _released_name(key): key for key in model.state_dict() if not key.startswith(ABSENT_MODULES)
    }
    encoders = ("res2net_2DNet.res2net.", "resnet_3DNet.resnet_3DNet.")
    heads = tuple(encoder + head for encoder in encoders for head in HEADS)
    return _take(names, model, path, heads)


def _released_name(key: str) -> str:
    for ours, theirs in RELEASED_PREFIXES.items():
        if key.startswith(ours):
            return theirs + key.removeprefix(ours)
    raise ValueError(f"{key}: the released network has no counterpart of this tensor")


def _take(
    names: Mapping[str, str], module: nn.Module, path: Path, heads: tuple[str, ...]
) -> Matched:
    """Copy the tensors of the file into the entries ``names[name in file]`` of `module`."""
    found = _read(path)
    own = module.state_dict()
    missing = [name for name in names if name not in found and not name.endswith(COUNTERS)]
    ignored = {name for name in found if name.startswith(heads)}
    unexpected = [name for name in found if name not in names and name not in ignored]
    taken = {names[name]: tensor for name, tensor in found.items() if name in names}
    shapes = [
        f"{name} {tuple(found[name].shape)}, not {tuple(own[key].shape)}"
        for name, key in names.items()
        if key in taken and taken[key].shape != own[key].shape
    ]
    problems = [
        *_listed("missing", missing),
        *_listed("unexpected", unexpected),
        *_listed("of another shape", shapes),
    ]
    if problems:
        raise WeightsError(f"{path}: does not fit the network: {'; '.join(problems)}")
    module.load_state_dict(taken, strict=False)
    absent = sorted(key for key in own if key not in taken)
    return Matched(len(taken), tuple(sorted(ignored)), tuple(absent))


def _listed(what: str, names: list[str], first: int = 10) -> Iterable[str]:
    if names:
        more = f" and {len(names) - first} more" if len(names) > first else ""
        yield f"{len(names)} {what}: {', '.join(names[:first])}{more}"


def _read(path: Path) -> dict[str, Tensor]:
    """Return the state dict in a file, its ``module.`` prefix taken off.

    Raises
    ------
    WeightsError
        If the file is missing, corrupt or holds anything but tensors by name.
    """
    if path.suffix not in SUFFIXES:
        raise WeightsError(f"{path}: weights are read from {', '.join(SUFFIXES)} files")
    if not path.is_file():
        raise WeightsError(f"{path}: there is no such file")
    try:
        content = (
            load_file(path)
            if path.suffix == ".safetensors"
            else torch.load(path, map_location="cpu", weights_only=True)
        )
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path}: not a file of plain tensors: it is corrupt, or holds Python objects, which "
            "are not loaded because they could run code; save its state dict alone"
        ) from error
    except (SafetensorError, RuntimeError, EOFError, OSError, ValueError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise WeightsError(f"{path}: cannot be read: {reason}") from error
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping) or not content:
        raise WeightsError(f"{path}: holds no state dict (tensors by name)")
    strangers = [str(name) for name, value in content.items() if not isinstance(value, Tensor)]
    if strangers:
        raise WeightsError(f"{path}: {'; '.join(_listed('not tensors', strangers))}")
    return {str(name).removeprefix("module."): tensor for name, tensor in content.items()}
