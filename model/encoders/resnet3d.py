"""3D ResNet-10 for OCT volumes (Chen et al., Med3D, 2019), pooled over height and width only.

State-dict names are those of the public MedicalNet file, less its ``module.`` prefix.
"""

import torch
from torch import Tensor, nn

from model.encoders.recomputation import recomputed

STRIDES = (1, 2, 1, 1)
DILATIONS = (1, 1, 2, 4)


class BasicBlock(nn.Module):
    """Two dilated 3^3 convolutions beside a shortcut (type B: projected where shapes change)."""

    def __init__(self, inputs: int, width: int, stride: int, dilation: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(
            inputs, width, 3, stride, padding=dilation, dilation=dilation, bias=False
        )
        self.bn1 = nn.BatchNorm3d(width)
        self.conv2 = nn.Conv3d(width, width, 3, padding=dilation, dilation=dilation, bias=False)
        self.bn2 = nn.BatchNorm3d(width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = (
            nn.Identity()
            if stride == 1 and inputs == width
            else nn.Sequential(
                nn.Conv3d(inputs, width, 1, stride, bias=False), nn.BatchNorm3d(width)
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(n, inputs, d, h, w)`` to ``(n, width, d / stride, h / stride, w / stride)``."""
        out = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(out)) + self.downsample(x))


class ResNet3d(nn.Module):
    """3D ResNet-10 with dilated late stages: the output keeps an eighth of the resolution.

    Parameters
    ----------
    volume_size : tuple of int
        Slices, height and width of the volumes; the number of features follows from the slices.
    width : int
        Of the first stage (64 as published); it doubles from stage to stage.
    checkpoint : bool
        Compute stem and blocks again in the backward pass instead of storing their insides.

    Attributes
    ----------
    features : int
        Width of the output for `volume_size`: 6144 as published, at 96^3.

    Raises
    ------
    ValueError
        For a volume without voxels.
    """

    def __init__(
        self, volume_size: tuple[int, int, int], width: int = 64, checkpoint: bool = False
    ) -> None:
        super().__init__()
        self.checkpoint = checkpoint
        self.width = width
        self.features = self.feature_size(volume_size)
        self.conv1 = nn.Conv3d(1, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm3d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool3d(3, stride=2, padding=1)
        widths = (width, 2 * width, 4 * width, 8 * width)
        stages = [
            nn.Sequential(BasicBlock(*sizes))
            for sizes in zip((width, *widths), widths, STRIDES, DILATIONS, strict=False)
        ]
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def feature_size(self, volume_size: tuple[int, int, int]) -> int:
        """Return the number of features of a volume: channels times an eighth of its slices.

        Raises
        ------
        ValueError
            For a volume without voxels.
        """
        if len(volume_size) != 3 or min(volume_size) < 1:
            raise ValueError(
                f"volume_size: {tuple(volume_size)} is too small for the OCT encoder; "
                "slices, height and width must each be at least 1"
            )
        return 8 * self.width * -(-volume_size[0] // 8)

    def _stem(self, volumes: Tensor) -> Tensor:
        return self.maxpool(self.relu(self.bn1(self.conv1(volumes))))

    def forward(self, volumes: Tensor) -> Tensor:
        """Map volumes ``(n, 1, slices, height, width)`` in [0, 1] to features ``(n, features)``.

        Feature ``channel * depths + depth`` is the mean of a channel over one plane of the last
        feature map, whose ``depths`` planes lie along the slices (RIMA, MICCAI 2025).

        Raises
        ------
        ValueError
            For volumes whose slices give another number of features than `features`.
        """
        size = self.feature_size((volumes.shape[-3], volumes.shape[-2], volumes.shape[-1]))
        if size != self.features:
            raise ValueError(
                f"volumes of {volumes.shape[-3]} slices give {size} features; this OCT encoder "
                f"was built for {self.features}"
            )
        x = volumes
        for part in (self._stem, *self.layer1, *self.layer2, *self.layer3, *self.layer4):
            x = recomputed(self, part, x) if self.checkpoint else part(x)
        return torch.flatten(x.mean(dim=(-2, -1)), start_dim=1)
