"""The image itself, a few pixels wide: what any encoder must beat."""

from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

SIDE = 8
"""Height and width of a thumbnail, pixels."""


class Thumbnail(nn.Module):
    """The means of ``SIDE x SIDE`` fields of a photograph, by channel; nothing trains."""

    features = 3 * SIDE * SIDE

    def forward(self, images: Tensor) -> Tensor:
        """Map images ``(n, 3, height, width)`` to features ``(n, 192)``."""
        return adaptive_avg_pool2d(images, SIDE).flatten(1)


class SlicesThumbnail(nn.Module):
    """The means of ``SIDE x SIDE`` fields of the mean B-scan; nothing trains."""

    features = SIDE * SIDE

    def forward(self, volumes: Tensor) -> Tensor:
        """Map volumes ``(n, 1, slices, depth, width)`` to features ``(n, 64)``."""
        return adaptive_avg_pool2d(volumes.mean(dim=2), SIDE).flatten(1)
