"""A 2D encoder over slices: their mean, or gated attention."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from fed.config import resolve
from fed.errors import ConfigError
from fed.parts import build
from model.encoders.slices import GatedAttention, OverSlices
from tests.acceptance.federations import tiny


class Quarters(nn.Module):
    """The mean brightness of the four quarters of a picture."""

    def forward(self, pictures: Tensor) -> Tensor:
        return nn.functional.adaptive_avg_pool2d(pictures[:, :1], 2).flatten(1)


def trained_attention() -> GatedAttention:
    attention = GatedAttention(5)
    nn.init.normal_(attention.score.weight)
    return attention


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def test_weights_are_positive_and_sum_to_one() -> None:
    weights = trained_attention().weights(3 * torch.randn(4, 7, 5))
    assert (weights > 0).all()
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(4))
    assert weights.std() > 0.01


def test_the_order_of_the_slices_does_not_matter() -> None:
    attention, features = trained_attention(), torch.randn(4, 7, 5)
    torch.testing.assert_close(attention(features), attention(features[:, torch.randperm(7)]))


def test_it_is_the_formula_of_the_paper() -> None:
    attention, features = trained_attention(), torch.randn(1, 3, 5)
    w, v, u = attention.score.weight[0], attention.signal, attention.gate
    scores = torch.stack(
        [
            w @ (torch.tanh(v.weight @ h + v.bias) * torch.sigmoid(u.weight @ h + u.bias))
            for h in features[0]
        ]
    )
    expected = sum(
        a * h for a, h in zip(scores.exp() / scores.exp().sum(), features[0], strict=True)
    )
    torch.testing.assert_close(attention(features)[0], expected)


def test_before_training_attention_is_the_mean() -> None:
    volumes = torch.rand(2, 1, 6, 8, 8)
    with torch.no_grad():
        mean, attended = (OverSlices(Quarters(), 4, kind)(volumes) for kind in (False, True))
    torch.testing.assert_close(mean, attended)


def volumes(count: int, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw noisy volumes of 64 slices: in one, a bright half is the upper or, of the ill, the lower."""
    labels = torch.randint(2, (count,), generator=random)
    drawn = 0.5 * torch.randn(count, 1, 64, 8, 8, generator=random)
    lesion = torch.randint(64, (count,), generator=random)
    for number, (slice_, label) in enumerate(zip(lesion.tolist(), labels.tolist(), strict=True)):
        drawn[number, 0, slice_, 4 * label : 4 * label + 4] += 0.6
    return drawn, labels


def accuracy(attention: bool) -> float:
    random = torch.Generator().manual_seed(1)
    seen, truth = volumes(256, random)
    network = nn.Sequential(OverSlices(Quarters(), 4, attention), nn.Linear(4, 2))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.03)
    for _ in range(300):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(seen), truth).backward()
        optimizer.step()
    unseen, labels = volumes(256, random)
    return float((network(unseen).argmax(dim=1) == labels).float().mean())


def test_one_telling_slice_of_many_is_found_by_attention_and_lost_in_the_mean() -> None:
    attended, averaged = accuracy(attention=True), accuracy(attention=False)
    assert attended > 0.95
    assert averaged < 0.85


ATTENTION = {"oct": {"use": "efficientnet_lite0", "pretrained": False, "slices": "attention"}}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"method": "analytic"}, "analytic trains no encoder"),
        ({"model": {"frozen": {"oct": {"encoder": "own"}}}}, "model.frozen.oct is there"),
    ],
)
def test_attention_that_would_never_train_is_refused(changes: dict[str, Any], words: str) -> None:
    model = {"encoders": ATTENTION} | changes.pop("model", {})
    with pytest.raises(ConfigError, match=f"slices: attention .*{words}.* Allowed: slices: mean"):
        resolve(tiny(model=model, **changes))


def test_the_option_gives_an_encoder_that_attends() -> None:
    pytest.importorskip(
        "efficientnet_lite_pytorch", reason="the extra `pretrained` is not installed"
    )
    encoder = build("oct_encoder", ATTENTION["oct"]).build((4, 48, 40))
    assert encoder(torch.rand(2, 1, 4, 48, 40)).shape == (2, encoder.features)
    assert any(name.startswith("pool.") for name in encoder.state_dict())
    assert resolve(tiny(model={"encoders": ATTENTION})).model.encoder_parts[1].learns_pooling
