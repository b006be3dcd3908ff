"""Small encoders for small images: what a demonstration can train on one core in minutes."""

from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional

FEATURES = 64


class LocalContrast(nn.Module):
    """Local contrast normalisation, free of parameters.

    Subtracts the local mean and divides by the local standard deviation of each channel, which
    takes out most of what differs between devices: colour cast, vignetting, gain, haze. The
    statistics are those of square patches, interpolated between their centres.

    Parameters
    ----------
    patch : int
        Side of a patch, pixels; cut to the size of the image.
    floor : float
        Added to the standard deviation, so that flat patches do not become noise.
    """

    def __init__(self, patch: int = 8, floor: float = 0.05) -> None:
        super().__init__()
        self.patch = patch
        self.floor = floor

    def forward(self, image: Tensor) -> Tensor:
        """Normalise ``(n, channels, height, width)``."""
        centred = image - self._local_mean(image)
        deviation = self._local_mean(centred.square()).clamp_min_(0).sqrt_()
        return centred / (deviation + self.floor)

    def _local_mean(self, image: Tensor) -> Tensor:
        patch = min(self.patch, *image.shape[-2:])
        coarse = functional.avg_pool2d(image, patch, ceil_mode=True)
        rows, columns = coarse.shape[-2:]
        weights = _bilinear((rows, columns), (image.shape[-2], image.shape[-1]), image.device)
        with torch.autocast(image.device.type, enabled=False):
            return (coarse.float().flatten(2) @ weights).view(image.shape).to(image.dtype)


@cache
def _bilinear(coarse: tuple[int, int], fine: tuple[int, int], device: torch.device) -> Tensor:
    """Return bilinear interpolation between two grids as a matrix ``(coarse, fine)``.

    For few patches one product is three times as fast as `interpolate`.
    """
    units = torch.eye(coarse[0] * coarse[1], device=device).unflatten(1, coarse)
    return functional.interpolate(units[:, None], size=fine, mode="bilinear").flatten(1)


class SmallFundusEncoder(nn.Module):
    """Encode colour fundus photographs ``(n, 3, height, width)`` of [0, 1] as ``(n, 64)``.

    The map of the last layer is pooled by its mean, for findings that are spread out, and by its
    maximum, for small ones.

    Parameters
    ----------
    image_size : int
        Height and width, pixels.

    Attributes
    ----------
    features : int
        Length of the feature.
    """

    def __init__(self, image_size: int) -> None:
        super().__init__()
        self.features = FEATURES
        self.body = nn.Sequential(
            LocalContrast(patch=max(8, image_size // 4)),
            *_layer2d(3, 16, stride=2),
            *_layer2d(16, 32, stride=2),
            *_layer2d(32, 64, stride=2),
            *_layer2d(64, 64, stride=1),
        )
        self.project = nn.Linear(2 * 64, self.features)

    def forward(self, images: Tensor) -> Tensor:
        """Return the features of a batch."""
        maps: Tensor = self.body(images)
        return self.project(torch.cat([maps.mean(dim=(2, 3)), maps.amax(dim=(2, 3))], dim=1))


class SmallOctEncoder(nn.Module):
    """Encode OCT volumes ``(n, 1, slices, depth, width)`` of [0, 1] as ``(n, 64)``.

    The map of the last layer is averaged over slices and width, but not over depth: what a bright
    or dark spot means depends on the layer of the retina it lies in. The maximum is taken over all positions.

    Parameters
    ----------
    volume_size : tuple of int
        Slices, depth, width; one slice for B-scans.

    Attributes
    ----------
    features : int
        Length of the feature.
    """

    _DEPTHS = 4

    def __init__(self, volume_size: tuple[int, int, int]) -> None:
        super().__init__()
        self.features = FEATURES
        self.contrast = LocalContrast(patch=max(8, volume_size[1] // 2))
        self.body = nn.Sequential(
            *_layer3d(1, 16, kernel=(5, 3, 3), stride=(4, 2, 2)),
            *_layer3d(16, 32, kernel=(3, 3, 3), stride=(2, 2, 2)),
            *_layer3d(32, 64, kernel=(3, 3, 3), stride=(2, 1, 1)),
        )
        self.project = nn.Linear((1 + self._DEPTHS) * 64, self.features)

    def forward(self, volumes: Tensor) -> Tensor:
        """Return the features of a batch."""
        slices = self.contrast(volumes.flatten(0, 2).unsqueeze(1))
        maps: Tensor = self.body(slices.view_as(volumes))
        by_depth = functional.adaptive_avg_pool3d(maps, (1, self._DEPTHS, 1)).flatten(1)
        return self.project(torch.cat([by_depth, maps.amax(dim=(2, 3, 4))], dim=1))


def _layer2d(inputs: int, outputs: int, stride: int) -> list[nn.Module]:
    return [
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    ]


def _layer3d(
    inputs: int, outputs: int, kernel: tuple[int, int, int], stride: tuple[int, int, int]
) -> list[nn.Module]:
    padding = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
    return [
        nn.Conv3d(inputs, outputs, kernel, stride=stride, padding=padding, bias=False),
        nn.BatchNorm3d(outputs),
        nn.ReLU(inplace=True),
    ]
