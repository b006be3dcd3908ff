"""Small networks and features to try the parts of local training on."""

import torch

from model.network import build
from model.rima import RIMA, Features

FUNDUS = torch.tensor([True, True, False, True])
OCT = torch.tensor([True, False, True, True])
LABELS = torch.tensor([0, 1, 1, 0])


def network(**architecture) -> RIMA:
    """Return a small network, not training."""
    return build("small", 2, 32, (4, 32, 32), 0, **architecture).eval()


def features(width: int = 64) -> Features:
    """Return random features of four cases: both, fundus, OCT, both."""
    random = torch.Generator().manual_seed(0)
    fundus, oct_ = (torch.randn(4, width, generator=random) for _ in range(2))
    return Features(fundus * FUNDUS[:, None], oct_ * OCT[:, None], FUNDUS, OCT)
