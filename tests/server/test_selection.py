import numpy as np
import pytest

from fed.config import load
from fed.sites import Resources, SiteCard
from server.selection import sent_modules, sent_prototypes, take
from tests.fed.config.test_loading import DEMO

BANK = ("fundus", "oct")


def card(**cases):
    counts = {"both": (0, 0), "fundus": (0, 0), "oct": (0, 0)} | cases
    owned = tuple(m for m in ("fundus", "oct") if m in cases or "both" in cases)
    return SiteCard("clinic", "clinic", "train", owned, counts, Resources())


CLINIC, HOSPITAL, MIXED = card(fundus=(3, 4)), card(both=(2, 2)), card(both=(2, 2), fundus=(1, 0))


@pytest.mark.parametrize(
    ("method", "phase", "site", "banks"),
    [
        ("fedrima", 0, CLINIC, ()),
        ("fedrima", 1, CLINIC, ("oct",)),
        ("fedrima", 1, MIXED, ("oct",)),
        ("fedrima", 1, HOSPITAL, ()),
        ("class_mean", 1, CLINIC, ("oct",)),
        ("prototype_contrast", 0, CLINIC, ("fundus", "oct")),
        ("prototype_contrast", 0, HOSPITAL, ("fundus", "oct")),
        ("no_bank", 1, CLINIC, ()),
        ("zero_fill", 1, CLINIC, ()),
        ("rima_at_both", 1, MIXED, ()),
    ],
)
def test_a_site_gets_the_prototypes_it_trains_against(method, phase, site, banks):
    federation = load([DEMO], [f"method={method}"])
    assert sent_prototypes(federation, federation.method.phases[phase], site, BANK) == banks


def test_with_a_budget_partners_of_complete_cases_are_of_the_bank_too():
    federation = load([DEMO], ["privacy.epsilon=8", "model.normalisation=group"])
    sent = sent_prototypes(federation, federation.method.phases[1], HOSPITAL, BANK)
    assert sent == ("fundus", "oct")


def test_only_a_uniform_average_sends_what_a_site_cannot_use():
    for method, sent in (("fedavg", True), ("zero_fill_one_phase", False)):
        composed = load([DEMO], [f"method={method}"]).method
        modules = sent_modules(composed, composed.phases[0], CLINIC.modalities)
        assert ("oct_encoder" in modules) == sent
        assert "fundus_encoder" in modules


def test_modules_without_weights_add_nothing():
    state = {"classifier.w": np.ones(1), "fundus_encoder.w": np.ones(1)}
    assert take(state, ["joint_fusion", "classifier"]).keys() == {"classifier.w"}


def test_a_fusion_that_corrects_the_experts_comes_with_both_heads_and_no_foreign_encoder():
    method = load([DEMO], ["method=fedrima"]).method
    modules = sent_modules(method, method.phases[1], CLINIC.modalities)
    assert {"fundus_head", "oct_head", "fundus_encoder"} <= set(modules)
    assert "oct_encoder" not in modules
    alone = load([DEMO], ["method=fedrima", "method.corrects_experts=false"]).method
    assert "oct_head" not in sent_modules(alone, alone.phases[1], CLINIC.modalities)
