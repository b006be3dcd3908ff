"""What is kept for each site, and SCAFFOLD against the drift that it is there for."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from clients.mean_gradient import MeanGradient
from clients.terms.control_variates import Correction
from fed.errors import ConfigError
from fed.protocol import TransportCount, Update
from fed.sites import Resources, SiteCard
from server.kept import Kept, correction, first_kept, kept_of, sent_to
from server.modular import modular
from tests.acceptance.methods import small

SCAFFOLD, FEDBN = small("scaffold"), small("fedbn")
HEAD = "classifier.weight"
LAYER = ("running_mean", "running_var", "num_batches_tracked", "weight", "bias")
NORMALISED = {f"oct_encoder.norm.{part}": np.zeros(2, np.float32) for part in LAYER} | {
    "oct_encoder.conv.weight": np.zeros(3, np.float32)
}


def card(name, cases):
    counts = {"both": (cases, 0), "fundus": (0, 0), "oct": (0, 0)}
    return SiteCard(name, name, "train", ("fundus", "oct"), counts, Resources())


def update(site, parameters, variates=None):
    cases = dict.fromkeys((name.split(".")[0] for name in parameters), 1)
    return Update(site, parameters, cases, {}, TransportCount(), 1, 0.0, variates or {})


def vector(*values):
    return np.array(values, dtype=np.float32)


def test_a_correction_is_the_mean_over_all_sites_less_the_sites_own():
    cards = [card("a", 10), card("b", 30)]
    kept = Kept(SCAFFOLD, first_kept(SCAFFOLD, cards))
    kept.add(update("a", {HEAD: vector(0)}, {HEAD: vector(8)}), cards[0])
    state = kept.result()
    sent = {HEAD: vector(0)}
    np.testing.assert_allclose(correction(state, "a", sent)[HEAD], [2 - 8])
    np.testing.assert_allclose(correction(state, "b", sent)[HEAD], [2])  # b has not answered yet
    kept = Kept(SCAFFOLD, state)
    kept.add(update("b", {HEAD: vector(0)}, {HEAD: vector(4)}), cards[1])
    state = kept.result()
    corrections = [correction(state, name, sent)[HEAD][0] for name in ("a", "b")]
    assert corrections == pytest.approx([5 - 8, 5 - 4])
    assert np.dot(corrections, [10, 30]) == pytest.approx(0)
    assert correction(state, "a", {}) == {}


def test_the_order_of_answers_changes_no_byte():
    cards = [card(name, cases) for name, cases in (("a", 7), ("b", 11), ("c", 13))]
    values = np.random.default_rng(0).normal(size=(3, 50)).astype(np.float32)
    states = []
    for order in ([0, 1, 2], [2, 0, 1]):
        kept = Kept(SCAFFOLD, first_kept(SCAFFOLD, cards))
        for i in order:
            own = {HEAD: values[i]}
            kept.add(update(cards[i].name, own, own), cards[i])
        states.append(correction(kept.result(), "a", {HEAD: values[0]})[HEAD])
    np.testing.assert_array_equal(*states)


def test_only_batch_normalisation_is_a_sites_own():
    parameters = {name: value + 1 for name, value in NORMALISED.items()}
    kept = Kept(FEDBN, {})
    kept.add(update("a", parameters), card("a", 4))
    state = kept.result()
    assert kept_of(state, "normalisation", "a").keys() == NORMALISED.keys() - {
        "oct_encoder.conv.weight"
    }
    own, others = sent_to(NORMALISED, state, "a"), sent_to(NORMALISED, state, "b")
    assert own["oct_encoder.norm.running_mean"].tolist() == [1, 1]
    assert own["oct_encoder.conv.weight"].tolist() == [0, 0, 0]
    assert others == NORMALISED


def test_a_network_without_batch_normalisation_has_none_to_keep():
    grouped = FEDBN.model_copy(
        update={"model": FEDBN.model.model_copy(update={"normalisation": "group"})}
    )
    with pytest.raises(ConfigError, match="own_normalisation: nothing of this network"):
        modular(grouped).init([])


class Quadratic:
    """A site whose loss is ``curvature / 2 (w - centre)^2``."""

    def __init__(self, name, curvature, centre):
        self.card, self.curvature, self.centre = card(name, 10), curvature, centre

    def round(self, start, corrected, rate=0.1, steps=10):
        """Return the update of some plain gradient steps."""
        weight = nn.Parameter(torch.tensor([start]))
        corrected = torch.tensor(corrected)
        gradient = MeanGradient({HEAD: weight}, [corrected])
        optimizer = torch.optim.SGD([weight], lr=rate)
        term = Correction([(weight, corrected)])
        for _ in range(steps):
            optimizer.zero_grad()
            loss = self.curvature / 2 * (weight - self.centre).square().sum()
            (loss + term(None, None)).backward()
            gradient.add()
            optimizer.step()
        own = {HEAD: weight.detach().numpy().astype(np.float32)}
        return replace(update(self.card.name, own), variates=gradient.result())


SITES = (Quadratic("a", 1.0, 0.0), Quadratic("b", 5.0, 1.0))
OPTIMUM = 5 / 6
"""Of the sum of both losses."""


def federated(rounds, corrects):
    model, kept = np.float32(0.0), first_kept(SCAFFOLD, [site.card for site in SITES])
    for _ in range(rounds):
        folded, found = Kept(SCAFFOLD, kept), []
        for site in SITES:
            sent = {HEAD: vector(model)}
            own = correction(kept, site.card.name, sent).get(HEAD, vector(0))
            answer = site.round(float(model), own if corrects else vector(0))
            folded.add(answer, site.card)
            found.append(answer.parameters[HEAD][0])
        kept, model = folded.result(), np.mean(found)
    return model


def test_sites_drift_without_control_variates_and_meet_the_optimum_with_them():
    assert abs(federated(60, corrects=False) - OPTIMUM) > 0.1
    assert federated(60, corrects=True) == pytest.approx(OPTIMUM, abs=1e-3)


def test_a_variate_is_the_papers_second_option_where_steps_are_plain():
    sent, rate, steps = 0.25, 0.05, 7
    answer = SITES[1].round(sent, vector(0.5), rate, steps)
    moved = sent - answer.parameters[HEAD][0]
    assert answer.variates[HEAD][0] == pytest.approx(moved / (steps * rate) - 0.5, rel=1e-5)
