"""Random variations of training images: flips, shifts, light, and the look of other devices.

All draws come from the generator given, so that the same one gives the same images. Each image is
read once, through a table of positions; what follows is done in place, since memory that is new to
the process costs more than the arithmetic.
"""

import torch
from torch import Generator, Tensor
from torch.nn.functional import pad

_MIDDLE = 0.4
"""Intensity that a change of contrast leaves as it is."""


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
        colour gains, contrast and gamma varied; in [0, 1].
    """
    height, width = images.shape[2:]
    draw = _Draws(images, generator)
    rows = _positions(height, draw.uniform(height / 16).round())
    columns = _mirrored(_positions(width, draw.uniform(width / 16).round()), draw.coin())
    moved = _read(images, rows[:, :, None] * width + columns[:, None, :])
    gain = 1 + draw.uniform(0.15) + 0.08 * draw.normal(3)
    return _recoloured(moved, gain[:, :, None, None], draw)


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
    depth, width = volumes.shape[2:]
    draw = _Draws(volumes, generator)
    slope = torch.linspace(-1, 1, width, device=volumes.device)
    lift = (draw.uniform(depth / 16) + draw.uniform(depth / 16) * slope).round()
    rows = _positions(depth, lift[:, :, None]).transpose(1, 2)
    columns = _mirrored(torch.arange(width, device=volumes.device)[None], draw.coin())
    moved = _read(volumes, rows * width + columns[:, None, :])
    moved *= (draw.uniform(0.15)[:, :, None, None] * draw.noise()).add_(1)
    return _recoloured(moved, 1 + draw.uniform(0.15)[:, :, None, None], draw)


def other_camera(images: Tensor, generator: Generator) -> Tensor:
    """Show fundus photographs as other cameras might: lens, vignette and sensor noise vary.

    Parameters
    ----------
    images : Tensor
        ``(n, 3, height, width)`` in [0, 1]; changed in place.
    generator : Generator
        On the device of `images`.

    Returns
    -------
    Tensor
        With corners darker or brighter by up to 0.6 in the logarithm, blurred or sharpened, and
        with noise of up to 0.03; in [0, 1].
    """
    draw = _Draws(images, generator)
    down, across = (torch.linspace(-1, 1, size, device=images.device) for size in images.shape[2:])
    radius2 = down[:, None] ** 2 + across**2
    images *= torch.exp(draw.uniform(0.3)[:, :, None, None] * radius2)
    _focus(images, draw, (1, 1, 1, 1))
    images += draw.uniform(0.03)[:, :, None, None] * draw.noise()
    return images.clamp_(0, 1)


def other_scanner(volumes: Tensor, generator: Generator) -> Tensor:
    """Show OCT volumes as other scanners might: loss with depth, lens, speckle and black level vary.

    Parameters
    ----------
    volumes : Tensor
        ``(n, slices, depth, width)`` in [0, 1]; changed in place.
    generator : Generator
        On the device of `volumes`.

    Returns
    -------
    Tensor
        With signal that fades or gains by up to 0.6 in the logarithm over the depth, scans blurred
        or sharpened along the width, more speckle, and black moved by up to 0.05; in [0, 1].
    """
    draw = _Draws(volumes, generator)
    down = torch.linspace(-1, 1, volumes.shape[2], device=volumes.device)[:, None]
    volumes *= torch.exp(draw.uniform(0.3)[:, :, None, None] * down)
    _focus(volumes, draw, (1, 1, 0, 0))
    volumes *= (draw.uniform(0.25)[:, :, None, None] * draw.noise()).add_(1)
    volumes += draw.uniform(0.05)[:, :, None, None]
    return volumes.clamp_(0, 1)


def local_mean(images: Tensor, reach: tuple[int, int, int, int]) -> Tensor:
    """Return the mean of each pixel and its neighbours, the edge repeated.

    What `avg_pool2d` gives on a CPU, to the bit, in a fraction of its time: all images, end to end,
    are added at every offset of the window, and sums that span two rows are left out.

    Parameters
    ----------
    images : Tensor
        ``(n, channels, height, width)``
    reach : tuple of int
        Neighbours that count: left, right, above, below.

    Returns
    -------
    Tensor
        Of the same shape; its rows do not lie end to end.
    """
    left, right, above, below = reach
    padded = pad(images, reach, mode="replicate")
    width = padded.shape[3]
    offsets = [
        row * width + column
        for row in range(1 + above + below)
        for column in range(1 + left + right)
    ]
    pixels = padded.view(-1)
    count = len(pixels) - offsets[-1]
    sums = pixels[:count].clone()
    for offset in offsets[1:]:
        sums += pixels[offset : offset + count]
    return sums.div_(len(offsets)).as_strided(images.shape, padded.stride())


class _Draws:
    """Random numbers for each image of a batch, as ``(n, count)``."""

    def __init__(self, batch: Tensor, generator: Generator) -> None:
        self.batch, self.generator = batch, generator

    def uniform(self, limit: float) -> Tensor:
        empty = self.batch.new_empty(len(self.batch), 1)
        return empty.uniform_(-limit, limit, generator=self.generator)

    def normal(self, count: int) -> Tensor:
        return self.batch.new_empty(len(self.batch), count).normal_(generator=self.generator)

    def coin(self) -> Tensor:
        return self.uniform(1.0) < 0

    def noise(self) -> Tensor:
        """Return one pattern for the whole batch, as drawing one an image would cost more than
        all the rest; each image takes it at a strength and a sign of its own.
        """  # noqa: D205
        return torch.empty_like(self.batch[:1]).normal_(generator=self.generator)


def _positions(size: int, shift: Tensor) -> Tensor:
    """Return the positions to read, the edge repeated: ``(n, size)``, or ``(n, m, size)``."""
    return (torch.arange(size, device=shift.device) + shift.long()).clamp_(0, size - 1)


def _mirrored(positions: Tensor, where: Tensor) -> Tensor:
    return torch.where(where, positions.flip(1), positions)


def _read(images: Tensor, positions: Tensor) -> Tensor:
    """Read every image ``(channels, height, width)`` at its own `positions` ``(n, h, w)``."""
    index = positions.flatten(1)[:, None, :].expand(-1, images.shape[1], -1)
    return images.flatten(2).gather(2, index).view_as(images)


def _focus(images: Tensor, draw: _Draws, reach: tuple[int, int, int, int]) -> None:
    """Move each image towards its local mean (blur) or away from it (sharpen), in place.

    `reach` counts neighbours left, right, above and below. Blur goes further than sharpening, as
    lenses do.
    """
    towards = local_mean(images, reach).sub_(images)
    images += towards.mul_(0.25 + draw.uniform(0.65)[:, :, None, None])


def _recoloured(images: Tensor, gain: Tensor, draw: _Draws) -> Tensor:
    """Vary gain, contrast and gamma, in place.

    The power is replaced by the parabola through the same black and white, which is cheap.
    """
    contrast = 1 + draw.uniform(0.2)[:, :, None, None]
    bend = draw.uniform(0.25)[:, :, None, None]
    images.mul_(gain * contrast).add_(_MIDDLE - _MIDDLE * contrast).clamp_(0, 1)
    factor = bend * images
    return images.mul_(torch.sub(1 + bend, factor, out=factor))
