"""Adam on the server (Reddi et al., ICLR 2021)."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from server.optimizers import Moments, ServerOptimizer


@dataclass(frozen=True)
class FedAdam(ServerOptimizer):
    """``w + lr m / (sqrt(v) + tau)`` with decaying means ``m, v`` of ``d, d^2``.

    Attributes
    ----------
    lr : float
        Server learning rate.
    beta1 : float
        Decay of the first moment.
    beta2 : float
        Decay of the second moment.
    tau : float
        Degree of adaptivity: added to the root of the second moment, whose start is its square.
    """

    lr: Annotated[float, Field(gt=0)] = 0.01
    beta1: Annotated[float, Field(ge=0, lt=1)] = 0.9
    beta2: Annotated[float, Field(ge=0, lt=1)] = 0.99
    tau: Annotated[float, Field(gt=0)] = 1.0e-3

    def _step(
        self, name: str, difference: NDArray[np.float64], moments: Moments
    ) -> tuple[NDArray[np.float64], Moments]:
        first, second = f"first/{name}", f"second/{name}"
        m = moments.get(first, np.zeros_like(difference))
        v = moments.get(second, np.full_like(difference, self.tau**2))
        m = self.beta1 * m + (1 - self.beta1) * difference
        v = self.beta2 * v + (1 - self.beta2) * difference**2
        return self.lr * (m / (np.sqrt(v) + self.tau)), {first: m, second: v}
