"""Variants of the network beside the published one."""

import torch

from model.rima import Features
from tests.clients.networks import network as small


def network(**architecture):
    return small(classes=3, seed=7, **architecture)


def test_encoders_and_heads_start_alike_in_all_variants():
    published = network().state_dict()
    for variant in ({"fusion": "concat"}, {"predictors": False}):
        state = network(**variant).state_dict()
        for name in published:
            if name.split(".")[0].endswith(("_encoder", "_head")):
                assert torch.equal(state[name], published[name]), name


def test_plain_concatenation_has_no_branches_and_looks_at_no_prediction():
    model = network(fusion="concat")
    assert not [n for n in model.state_dict() if n.startswith(("oct_fusion", "fundus_fusion"))]
    fundus, oct_ = torch.randn(2, 5, 64, generator=torch.Generator().manual_seed(0))
    before = model.fuse(fundus, oct_)
    assert before.shape == (5, 3)
    torch.nn.init.zeros_(model.fundus2oct[3].weight)
    assert torch.equal(model.fuse(fundus, oct_), before)


def test_without_predictors_the_mean_is_predicted():
    model = network(predictors=False)
    assert not [n for n in model.state_dict() if n.startswith(("fundus2oct", "oct2fundus"))]
    here = torch.tensor([True, True])
    given = Features(torch.ones(2, 64), torch.zeros(2, 64), here, ~here)
    assert not model.predicted(given).oct.any()
    assert torch.isfinite(model.fuse(given.fundus, given.oct)).all()
