"""Federated averaging with momentum on the server (Hsu et al., 2019)."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from server.optimizers import Moments, ServerOptimizer


@dataclass(frozen=True)
class FedAvgM(ServerOptimizer):
    """``w + lr v`` with ``v = momentum v + d``.

    Attributes
    ----------
    lr : float
        Server learning rate.
    momentum : float
    """

    lr: Annotated[float, Field(gt=0)] = 1.0
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9

    def _step(
        self, name: str, difference: NDArray[np.float64], moments: Moments
    ) -> tuple[NDArray[np.float64], Moments]:
        key = f"first/{name}"
        before = moments.get(key, np.zeros_like(difference))
        velocity = self.momentum * before + difference
        return self.lr * velocity, {key: velocity}
