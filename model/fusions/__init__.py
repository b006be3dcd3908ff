"""How the features of both modalities become one, one file a way (`method.fusion`)."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from torch import Tensor, nn

if TYPE_CHECKING:
    from model.rima import RIMA, Sizes


class Fusion(ABC):
    """A way to fuse standardised features of both modalities.

    Attributes
    ----------
    closed_form : bool
        Whether the classifier is linear in the features, so that it can be solved from sums.
    """

    closed_form: ClassVar[bool] = False

    @abstractmethod
    def branches(self, dx: int, dy: int, sizes: "Sizes") -> Mapping[str, nn.Module]:
        """Return the submodules it trains, by their place: a name of `model.parts.BRANCHES`.

        Parameters
        ----------
        dx, dy : int
            Widths of the fundus and the OCT features.
        """

    def outputs(self, dx: int, dy: int) -> int:
        """Return the width of what the classifier reads."""
        return dx + dy

    @abstractmethod
    def fuse(self, model: "RIMA", fundus: Tensor, oct_features: Tensor) -> Tensor:
        """Map ``(n, dx), (n, dy)`` to ``(n, self.outputs(dx, dy))``, which the classifier reads.

        Parameters
        ----------
        model : RIMA
            With the branches, predictors and feature transport.
        """
