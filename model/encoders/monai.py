"""Classification networks of MONAI as encoders, by their name."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

NAMES = {
    "channels": ("in_channels", "n_input_channels", "num_channels"),
    "outputs": ("out_channels", "num_classes", "n_classes"),
}
"""What MONAI's networks call the channels of an image and the width of their answer."""


class MonaiEncoder(nn.Module):
    """A classification network whose classes are features.

    Parameters
    ----------
    network : str
        A class or function of ``monai.networks.nets``, such as ``DenseNet121`` or ``resnet18``.
    dimensions : int
        2 for photographs, 3 for volumes.
    channels : int
        Of an image.
    features : int
        Width of the output.
    options : mapping
        Further arguments of the network.

    Raises
    ------
    ValueError
        If MONAI is not installed, has no such network, or the network takes no such options.
    """

    def __init__(
        self,
        network: str,
        dimensions: int,
        channels: int,
        features: int,
        options: Mapping[str, Any],
    ) -> None:
        super().__init__()
        self.features = features
        make = _found(network)
        known = _parameters(make)
        given = {
            "spatial_dims": dimensions,
            _named(network, known, "channels"): channels,
            _named(network, known, "outputs"): features,
        }
        try:
            self.network: nn.Module = make(**given, **options)
        except TypeError as error:
            raise ValueError(f"{network}: {error}") from None

    def forward(self, images: Tensor) -> Tensor:
        """Map images to ``(n, features)``; some networks answer with more than one tensor."""
        answer = self.network(images)
        return answer if isinstance(answer, Tensor) else answer[0]


@dataclass(frozen=True)
class NamedNetwork:
    """The options of such an encoder, alike for photographs and volumes.

    Attributes
    ----------
    network : str
        Of ``monai.networks.nets``, such as ``DenseNet121`` or ``resnet18``.
    features : int
        Width of the feature.
    options : dict
        Further arguments of the network.
    """

    network: str
    features: int = 256
    options: Mapping[str, Any] = field(default_factory=dict)

    def made(self, dimensions: int, channels: int) -> MonaiEncoder:
        """Return the network for images of so many dimensions and channels."""
        return MonaiEncoder(self.network, dimensions, channels, self.features, self.options)


def _found(network: str) -> Any:
    try:
        from monai.networks import nets
    except ImportError:
        raise ValueError(
            "this encoder needs a package that is not installed; allowed: "
            "pip install 'fedrima[monai]'"
        ) from None
    make = getattr(nets, network, None)
    if make is None:
        raise ValueError(f"monai.networks.nets has no network {network!r}")
    return make


def _parameters(make: Any) -> list[str]:
    """Return the names of all arguments, those that a class passes on to the one above included."""
    if not inspect.isclass(make):  # resnet18(**kwargs) and the like make a ResNet
        from monai.networks import nets

        made = inspect.signature(vars(nets)["ResNet"])
        return [*inspect.signature(make).parameters, *made.parameters]
    return [name for cls in make.__mro__[:-1] for name in inspect.signature(cls).parameters]


def _named(network: str, known: list[str], what: str) -> str:
    found = next((name for name in NAMES[what] if name in known), None)
    if found is None:
        raise ValueError(f"{network} is no classification network: it takes no {NAMES[what][0]}")
    return found
