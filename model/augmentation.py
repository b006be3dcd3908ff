"""Random variations of training images: flips, shifts, and the look of other devices.

All draws come from the generator given, so that the same one gives the same images.
"""

import torch
from torch import Generator, Tensor


def augment_fundus(images: Tensor, generator: Generator) -> Tensor:
    """Vary fundus photographs.

    Parameters
    ----------
    images : Tensor
        ``(n, 3, height, width)`` in [0, 1]; left as it is.
    generator : Generator
        On the device of `images`.

    Returns
    -------
    Tensor
        Flipped left to right at random, shifted by up to a sixteenth of the size, with brightness,
        contrast, colour gains and gamma varied; in [0, 1].
    """
    n, _, height, width = images.shape
    draw = _Draws(n, generator, images)
    rows = _shifted(height, draw.uniform(-1, 1) * (height // 16), flip=None)
    columns = _shifted(width, draw.uniform(-1, 1) * (width // 16), flip=draw.coin())
    case = torch.arange(n, device=images.device)[:, None, None]
    moved = images.movedim(1, 3)[case, rows[:, :, None], columns[:, None, :]].movedim(3, 1)
    gain = 1 + draw.uniform(-0.15, 0.15) + 0.08 * draw.normal(3)
    return _toned(moved, gain[:, :, None, None], draw)


def augment_oct(volumes: Tensor, generator: Generator) -> Tensor:
    """Vary OCT volumes.

    Parameters
    ----------
    volumes : Tensor
        ``(n, slices, depth, width)`` in [0, 1]; left as it is.
    generator : Generator
        On the device of `volumes`.

    Returns
    -------
    Tensor
        Flipped across the width at random, shifted along depth and tilted by up to a sixteenth of
        the depth each, with speckle, brightness, contrast and gamma varied; in [0, 1].
    """
    n, _, depth, width = volumes.shape
    draw = _Draws(n, generator, volumes)
    columns = _shifted(width, torch.zeros(n, 1, device=volumes.device), flip=draw.coin())
    slope = torch.linspace(-1, 1, width, device=volumes.device)
    lift = (draw.uniform(-1, 1) + draw.uniform(-1, 1) * slope) * (depth / 16)
    rows = torch.arange(depth, device=volumes.device)[None, :, None] + lift.round().long()[:, None]
    rows = rows.clamp(0, depth - 1)
    case = torch.arange(n, device=volumes.device)[:, None, None]
    moved = volumes.movedim(1, 3)[case, rows, columns[:, None, :]].movedim(3, 1)
    speckle = torch.empty_like(moved).normal_(generator=generator)
    moved = moved + moved * speckle * draw.uniform(0, 0.15)[:, :, None, None]
    return _toned(moved, 1 + draw.uniform(-0.15, 0.15)[:, :, None, None], draw)


class _Draws:
    """Random numbers for each case of a batch, as ``(n, count)``."""

    def __init__(self, cases: int, generator: Generator, like: Tensor) -> None:
        self.cases, self.generator, self.like = cases, generator, like

    def uniform(self, low: float, high: float) -> Tensor:
        return self.like.new_empty(self.cases, 1).uniform_(low, high, generator=self.generator)

    def normal(self, count: int) -> Tensor:
        return self.like.new_empty(self.cases, count).normal_(generator=self.generator)

    def coin(self) -> Tensor:
        return self.uniform(0, 1) < 0.5


def _shifted(size: int, shift: Tensor, flip: Tensor | None) -> Tensor:
    """Return the positions ``(n, size)`` to read: moved by `shift`, mirrored where `flip`."""
    at = torch.arange(size, device=shift.device)
    positions = at + shift.round().long()
    if flip is not None:
        positions = torch.where(flip, size - 1 - positions, positions)
    return positions.clamp(0, size - 1)


def _toned(images: Tensor, gain: Tensor, draw: _Draws) -> Tensor:
    """Vary gain, contrast around the middle, and gamma."""
    contrast = 1 + draw.uniform(-0.2, 0.2)[:, :, None, None]
    gamma = 1 + draw.uniform(-0.2, 0.2)[:, :, None, None]
    middle = 0.4
    toned = images * (gain * contrast) + (middle - middle * contrast)
    return toned.clamp_(1e-3, 1.0).pow_(gamma)
