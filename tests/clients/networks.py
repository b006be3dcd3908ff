"""Small networks, features and rounds to try the parts of local training on."""

from types import SimpleNamespace
from typing import Any

import torch

from clients.couplings import CouplingLog, Draws
from fed.parts import build as part
from model.network import build
from model.rima import RIMA, Features, Sizes

FUNDUS = torch.tensor([True, True, False, True])
OCT = torch.tensor([True, False, True, True])
LABELS = torch.tensor([0, 1, 1, 0])


def network(
    scale: str = "small",
    classes: int = 2,
    fusion: Any = "asymmetric",
    predictors: bool = True,
    seed: int = 0,
) -> RIMA:
    """Return a small network for 32 x 32 photographs and 4 x 32 x 32 volumes, not training."""
    from fed.config.model import Model

    model = Model(scale=scale)
    widths = model.all_widths
    sizes = Sizes(classes, widths.predictor, widths.feed_forward, widths.dropout)
    volume = (4, 32, 32)
    fused = part("fusion", fusion)
    return build(model.encoder_parts, 32, volume, sizes, fused, seed, predictors).eval()


def features(width: int = 64) -> Features:
    """Return random features of four cases: both, fundus, OCT, both."""
    random = torch.Generator().manual_seed(0)
    fundus, oct_ = (torch.randn(4, width, generator=random) for _ in range(2))
    return Features(fundus * FUNDUS[:, None], oct_ * OCT[:, None], FUNDUS, OCT)


def draws() -> Draws:
    """Return what partners are drawn with."""
    return Draws(CouplingLog(), torch.Generator().manual_seed(0))


def local_round(**parts: Any) -> Any:
    """Return what stands for a `LocalRound` that has these parts alone."""
    return SimpleNamespace(**parts)
