"""Res2Net v1b for fundus photographs (Gao et al., TPAMI 2021; "Bag of Tricks" stem and shortcuts).

The defaults are Res2Net-50 v1b 26w x 4s. State-dict names are those of the public ImageNet file,
less its classification head ``fc``.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from model.encoders.recomputation import recomputed

EXPANSION = 4
"""Output channels of a block over the width of its stage."""


class Bottle2neck(nn.Module):
    """Bottleneck whose 3x3 convolution is a cascade over `scales` groups of channels.

    The first block of a stage (the one with a new width or a stride) runs the groups side by side
    and pools the last one; later blocks add the output of each group to the input of the next and
    pass the last one on.
    """

    def __init__(
        self, inputs: int, width: int, stride: int, base_width: int, scales: int, first: bool
    ) -> None:
        super().__init__()
        outputs = width * EXPANSION
        self.split = width * base_width // 64
        self.first = first
        self.conv1 = nn.Conv2d(inputs, self.split * scales, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(self.split * scales)
        self.convs = nn.ModuleList(
            nn.Conv2d(self.split, self.split, 3, stride, padding=1, bias=False)
            for _ in range(scales - 1)
        )
        self.bns = nn.ModuleList(nn.BatchNorm2d(self.split) for _ in range(scales - 1))
        self.conv3 = nn.Conv2d(self.split * scales, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.pool = nn.AvgPool2d(3, stride, padding=1) if first else nn.Identity()
        self.downsample = (
            nn.Sequential(
                nn.AvgPool2d(stride, stride, ceil_mode=True, count_include_pad=False),
                nn.Conv2d(inputs, outputs, 1, bias=False),
                nn.BatchNorm2d(outputs),
            )
            if first
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(n, inputs, h, w)`` to ``(n, 4 * width, h / stride, w / stride)``."""
        *groups, last = self.relu(self.bn1(self.conv1(x))).split(self.split, dim=1)
        outputs: list[Tensor] = []
        for group, conv, bn in zip(groups, self.convs, self.bns, strict=True):
            cascaded = group if self.first or not outputs else outputs[-1] + group
            outputs.append(self.relu(bn(conv(cascaded))))
        out = self.bn3(self.conv3(torch.cat([*outputs, self.pool(last)], dim=1)))
        return self.relu(out + self.downsample(x))


class Res2Net(nn.Module):
    """Res2Net v1b, pooled over the whole image.

    Parameters
    ----------
    layers : sequence of int
        Blocks of the four stages.
    width : int
        Of the first stage; it doubles from stage to stage.
    base_width, scales : int
        Channels of a group at width 64, and groups of a block ("26w x 4s").
    checkpoint : bool
        Compute stem and blocks again in the backward pass instead of storing their insides.

    Attributes
    ----------
    features : int
        Width of the output, ``32 * width``: 2048 as published, whatever the size of the image.
    """

    def __init__(
        self,
        layers: Sequence[int] = (3, 4, 6, 3),
        width: int = 64,
        base_width: int = 26,
        scales: int = 4,
        checkpoint: bool = False,
    ) -> None:
        super().__init__()
        self.checkpoint = checkpoint
        self.features = 8 * width * EXPANSION
        self.conv1 = nn.Sequential(
            nn.Conv2d(3, width // 2, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(width // 2),
            nn.ReLU(inplace=True),
            nn.Conv2d(width // 2, width // 2, 3, padding=1, bias=False),
            nn.BatchNorm2d(width // 2),
            nn.ReLU(inplace=True),
            nn.Conv2d(width // 2, width, 3, padding=1, bias=False),
        )
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)

        def stage(inputs: int, width: int, stride: int, blocks: int) -> nn.Sequential:
            return nn.Sequential(
                Bottle2neck(inputs, width, stride, base_width, scales, first=True),
                *(
                    Bottle2neck(width * EXPANSION, width, 1, base_width, scales, first=False)
                    for _ in range(blocks - 1)
                ),
            )

        self.layer1 = stage(width, width, 1, layers[0])
        self.layer2 = stage(width * EXPANSION, 2 * width, 2, layers[1])
        self.layer3 = stage(2 * width * EXPANSION, 4 * width, 2, layers[2])
        self.layer4 = stage(4 * width * EXPANSION, 8 * width, 2, layers[3])
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def _stem(self, images: Tensor) -> Tensor:
        return self.maxpool(self.relu(self.bn1(self.conv1(images))))

    def forward(self, images: Tensor) -> Tensor:
        """Map images ``(n, 3, height, width)`` in [0, 1] to features ``(n, features)``."""
        x = images
        for part in (self._stem, *self.layer1, *self.layer2, *self.layer3, *self.layer4):
            x = recomputed(self, part, x) if self.checkpoint else part(x)
        return x.mean(dim=(-2, -1))
