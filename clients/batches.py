"""Cases in batches, and features of batches in one table."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from model.rima import Features


def concatenate(parts: Sequence[Features]) -> Features:
    """Put features of several batches into one table."""
    return Features(
        torch.cat([p.fundus for p in parts]),
        torch.cat([p.oct for p in parts]),
        torch.cat([p.has_fundus for p in parts]),
        torch.cat([p.has_oct for p in parts]),
    )


def batches(order: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
    """Cut an order into batches of about `size`, none of a single case (BatchNorm needs two)."""
    count = max(1, round(len(order) / size))
    return [chunk for chunk in np.array_split(order, count) if len(chunk)]
