"""What every term of the local objective gives."""

from typing import Protocol

from torch import Tensor

from model.rima import Features


class Objective(Protocol):
    """A named loss of a batch of features, as the encoders give them."""

    name: str

    def __call__(self, features: Features, labels: Tensor) -> Tensor:
        """Return the mean loss, a scalar."""
        ...
