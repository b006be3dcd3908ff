"""How hard phantom eyes are: pooled, complete, evenly labelled data, judged on unseen devices.

The bounds are those the phantoms were tuned for. One encoder and head a modality is trained on all
training cases at once; both modalities together are the product of these two experts.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from fed.config import resolve
from fed.data.phantoms import PhantomSource
from model.augmentation import augment_fundus, augment_oct
from model.encoders.small import SmallFundusEncoder, SmallOctEncoder

EPOCHS, BATCH, RATE = 10, 16, 4e-3


class Eyes(NamedTuple):
    fundus: Tensor
    oct: Tensor
    labels: Tensor


def draw(seed: int, role: str) -> Eyes:
    """2000 eyes at 20 training sites, or 800 at 5 held-out ones."""
    both = {"modalities": ["fundus", "oct"], "labels": "natural"}
    config = resolve(
        {
            "seed": seed,
            "sites": [
                {"name": "clinic", "count": 20, "cases": 100} | both,
                {"name": "unseen", "count": 5, "cases": 160, "role": "held_out"} | both,
            ],
        }
    )
    source = PhantomSource(config)
    opened = [source.open(site.name) for site in source.sites if site.role == role]
    pairs = [(c.images.fundus(i), c.images.oct(i)) for c in opened for i in range(len(c))]
    fundus, volumes = (torch.from_numpy(np.stack(images)) for images in zip(*pairs, strict=True))
    labels = torch.from_numpy(np.concatenate([c.labels() for c in opened]))
    return Eyes(fundus.float() / 255, volumes.float() / 255, labels)


def expert(
    encoder: nn.Module,
    images: Tensor,
    labels: Tensor,
    augment: Callable[[Tensor, torch.Generator], Tensor],
    channel: bool,
) -> nn.Module:
    """Train an encoder with a head; `channel` says whether a channel axis has to be added."""
    generator = torch.Generator().manual_seed(0)
    network = nn.Sequential(encoder, nn.Linear(encoder.features, 4))
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE)
    steps = EPOCHS * (len(labels) // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(EPOCHS):
        order = torch.randperm(len(labels), generator=generator)
        for chosen in order[: len(labels) // BATCH * BATCH].split(BATCH):
            batch = augment(images[chosen], generator)
            scores = network(batch[:, None] if channel else batch)
            optimizer.zero_grad()
            nn.functional.cross_entropy(scores, labels[chosen]).backward()
            optimizer.step()
            schedule.step()
    return network.eval()


@torch.no_grad()
def log_probabilities(network: nn.Module, images: Tensor) -> Tensor:
    return torch.cat([network(batch).log_softmax(dim=1) for batch in images.split(100)])


def auc(scores: Tensor, labels: Tensor) -> float:
    probabilities: NDArray[np.float32] = scores.softmax(dim=1).numpy()
    return float(roc_auc_score(labels.numpy(), probabilities, multi_class="ovr"))


@pytest.mark.slow
def test_two_modalities_tell_more_than_one_and_neither_tells_all():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    train, unseen = draw(0, "train"), draw(0, "held_out")
    of_fundus = expert(
        SmallFundusEncoder(64), train.fundus, train.labels, augment_fundus, channel=False
    )
    of_oct = expert(
        SmallOctEncoder((16, 32, 32)), train.oct, train.labels, augment_oct, channel=True
    )
    fundus = log_probabilities(of_fundus, unseen.fundus)
    volumes = log_probabilities(of_oct, unseen.oct[:, None])
    both = auc(fundus + volumes, unseen.labels)
    singles = auc(fundus, unseen.labels), auc(volumes, unseen.labels)
    print(f"\nboth {both:.3f}, fundus {singles[0]:.3f}, OCT {singles[1]:.3f}")
    assert 0.90 <= both <= 0.97
    assert all(0.78 <= single <= 0.90 for single in singles)
    assert both >= max(singles) + 0.02
