"""Encoders in files that need no code of ours: torch.export and TorchScript."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from model.weights import WeightsError

EXPORTED = ".pt2"
SCRIPTED = (".pt", ".pth", ".ts")


def load_frozen(path: Path) -> Callable[[Tensor], Tensor]:
    """Return the encoder in a file, in evaluation mode.

    Parameters
    ----------
    path : Path
        ``.pt2`` of `torch.export.save`, or ``.pt``, ``.pth``, ``.ts`` of `torch.jit.save`.

    Raises
    ------
    WeightsError
        If the file is missing, of another kind or cannot be loaded.
    """
    if not path.is_file():
        raise WeightsError(f"{path}: there is no such file")
    if path.suffix not in (EXPORTED, *SCRIPTED):
        allowed = ", ".join((EXPORTED, *SCRIPTED))
        raise WeightsError(f"{path}: frozen encoders are read from {allowed} files")
    try:
        if path.suffix == EXPORTED:
            return torch.export.load(path).module()
        return torch.jit.load(path, map_location="cpu").eval()
    except Exception as error:  # both raise anything from RuntimeError to zip and JSON errors
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise WeightsError(f"{path}: no encoder of torch.export or TorchScript: {reason}") from None
