import pytest
import torch
from torch.nn.functional import cross_entropy

from clients.fills.leave_out import LeaveOut
from clients.fills.zero import Zero
from clients.losses.logit_adjusted import LogitAdjusted, log_prior
from clients.losses.plain import Plain
from clients.objectives import AlignmentLoss, ExpertLoss, FusionLoss
from clients.objectives.alignment import DISTANCES
from clients.partners.pairs import Pairs
from clients.prototypes import ClassMeans
from clients.terms.contrast import PrototypeContrast
from clients.terms.distillation import DistillationLoss
from clients.terms.proximal import ProximalTerm
from model.rima import Features
from tests.clients.networks import FUNDUS, LABELS, OCT, draws, features, local_round, network

NO_COUNTS = torch.zeros(2)
PLAIN = Plain().at_site(NO_COUNTS)
BOTH = FUNDUS & OCT


def fusion_loss(model, fill, dropout, corrects=False):
    complete = fill.in_training(local_round(network=model))
    return FusionLoss(model, fill, complete, PLAIN, dropout, corrects)


def test_the_prior_is_the_log_share_of_each_class_half_a_case_added():
    expected = torch.log(torch.tensor([3.5, 1.5, 0.5]) / 5.5)
    torch.testing.assert_close(log_prior(torch.tensor([3, 1, 0])), expected)
    assert not log_prior(torch.zeros(3)).any()


def test_the_adjusted_loss_adds_the_prior_and_what_the_logits_correct():
    logits, base = torch.randn(2, 4, 2, generator=torch.Generator().manual_seed(0))
    counts = torch.tensor([6, 1])
    adjusted = LogitAdjusted().at_site(counts)
    expected = cross_entropy(logits + log_prior(counts) + base, LABELS)
    torch.testing.assert_close(adjusted(logits, LABELS, base), expected)
    torch.testing.assert_close(PLAIN(logits, LABELS, base), cross_entropy(logits + base, LABELS))
    assert (LogitAdjusted.even_shares, Plain.even_shares) == (True, False)


def test_experts_are_the_mean_cross_entropy_of_both_heads_each_with_its_own_loss():
    model, given = network(), features()
    counts = {"fundus": torch.tensor([5, 1]), "oct": torch.tensor([2, 9])}
    losses = {m: LogitAdjusted().at_site(c) for m, c in counts.items()}
    priors = {m: log_prior(c) for m, c in counts.items()}
    expected = [
        cross_entropy(model.fundus_head(given.fundus[FUNDUS]) + priors["fundus"], LABELS[FUNDUS]),
        cross_entropy(model.oct_head(given.oct[OCT]) + priors["oct"], LABELS[OCT]),
    ]
    torch.testing.assert_close(ExpertLoss(model, losses)(given, LABELS), sum(expected) / 2)


def test_fusion_with_modality_dropout_is_the_mean_of_three_views():
    model, given = network(), features()
    loss = fusion_loss(model, Zero(), dropout=True)
    zeros = torch.zeros_like(given.fundus)
    views = [
        cross_entropy(model.fuse(given.fundus, given.oct), LABELS),
        cross_entropy(model.fuse(given.fundus[FUNDUS], zeros[FUNDUS]), LABELS[FUNDUS]),
        cross_entropy(model.fuse(zeros[OCT], given.oct[OCT]), LABELS[OCT]),
    ]
    torch.testing.assert_close(loss(given, LABELS), sum(views) / 3)


def test_fusion_without_a_fill_learns_from_cases_with_both_alone():
    model, given = network(), features()
    expected = cross_entropy(model.fuse(given.fundus[BOTH], given.oct[BOTH]), LABELS[BOTH])
    loss = fusion_loss(model, LeaveOut(), dropout=False)
    torch.testing.assert_close(loss(given, LABELS), expected)
    assert loss(given[~BOTH], LABELS[~BOTH]) == 0


def test_a_fusion_that_corrects_the_experts_adds_its_logits_to_theirs_and_leaves_them_alone():
    model, given = network(), features()
    loss = fusion_loss(model, Zero(), dropout=True, corrects=True)
    zeros = torch.zeros_like(given.fundus)
    fundus, oct_ = (h(x).log_softmax(1) for h, x in _experts(model, given))
    product = torch.where(FUNDUS[:, None], fundus, 0.0) + torch.where(OCT[:, None], oct_, 0.0)
    views = [
        cross_entropy(model.fuse(given.fundus, given.oct) + product, LABELS),
        cross_entropy(model.fuse(given.fundus, zeros)[FUNDUS] + fundus[FUNDUS], LABELS[FUNDUS]),
        cross_entropy(model.fuse(zeros, given.oct)[OCT] + oct_[OCT], LABELS[OCT]),
    ]
    found = loss(given, LABELS)
    torch.testing.assert_close(found, sum(views) / 3)
    found.backward()
    assert model.classifier.weight.grad.any()
    assert model.fundus_head.weight.grad is None
    assert model.oct_head.weight.grad is None


def _experts(model, given):
    return (model.fundus_head, given.fundus), (model.oct_head, given.oct)


@pytest.mark.parametrize("distance", ["cosine", "squared"])
def test_alignment_of_pairs_compares_each_prediction_with_its_own_eye(distance):
    model, given = network(), features()
    loss = AlignmentLoss(model, Pairs(), {}, draws(), DISTANCES[distance])
    expected = torch.zeros(())
    for predictor, source, target in (
        (model.fundus2oct, given.fundus[BOTH], given.oct[BOTH]),
        (model.oct2fundus, given.oct[BOTH], given.fundus[BOTH]),
    ):
        predicted = predictor(source)
        if distance == "squared":
            expected = expected + (predicted - target).square().mean()
        else:
            cosine = (predicted * target).sum(1) / predicted.norm(dim=1) / target.norm(dim=1)
            expected = expected + (1 - cosine).mean()
    torch.testing.assert_close(loss(given, LABELS), expected)


def test_the_proximal_term_is_half_mu_times_the_squared_distance():
    weights = [torch.nn.Parameter(torch.tensor([1.0, 2.0])), torch.nn.Parameter(torch.ones(1))]
    term = ProximalTerm(weights, mu=0.5)
    assert term(features(), LABELS) == 0
    with torch.no_grad():
        weights[0] += torch.tensor([3.0, 4.0])
        weights[1] -= 1.0
    value = term(features(), LABELS)
    assert value.item() == pytest.approx(0.5 / 2 * (9 + 16 + 1))
    value.backward()
    torch.testing.assert_close(weights[0].grad, torch.tensor([1.5, 2.0]))


def test_distillation_pulls_heads_to_the_fusion_which_learns_nothing():
    model, given = network(), features()
    loss = DistillationLoss(model, weight=3.0, temperature=2.0)(given, LABELS)
    teacher = torch.softmax(model.fuse(given.fundus[BOTH], given.oct[BOTH]) / 2, dim=1)
    expected = torch.zeros(())
    for head, values in ((model.fundus_head, given.fundus), (model.oct_head, given.oct)):
        student = torch.softmax(head(values[BOTH]) / 2, dim=1)
        expected = expected + (teacher * (teacher / student).log()).sum(1).mean() / 2
    torch.testing.assert_close(loss, 3 * 4 * expected)
    loss.backward()
    assert model.classifier.weight.grad is None
    assert model.fundus_head.weight.grad.any()
    assert DistillationLoss(model, 3.0, 2.0)(given[~BOTH], LABELS[~BOTH]) == 0


def test_contrast_is_the_cross_entropy_of_cosines_over_the_classes_known():
    model = network()
    fundus = torch.zeros(2, 64)
    fundus[0, 0], fundus[1, 1] = 3.0, 1.0
    present = torch.tensor([True, True])
    given = Features(fundus, torch.zeros(2, 64), present, ~present)
    centres = torch.zeros(3, 64)
    centres[0, 0], centres[2, 1] = 5.0, 2.0
    means = {"fundus": ClassMeans(centres, torch.tensor([True, False, True]))}
    near = -torch.log_softmax(torch.tensor([2.0, 0.0]), 0)[0]  # cosines 1 and 0, temperature 1/2
    contrast = PrototypeContrast(model, means, weight=0.5, temperature=0.5)
    torch.testing.assert_close(contrast(given, torch.tensor([0, 2])), 0.5 * near)
    torch.testing.assert_close(contrast(given, torch.tensor([0, 1])), 0.5 * near)  # 1 is unknown
    assert PrototypeContrast(model, {}, 1.0, 0.5)(given, torch.tensor([0, 2])) == 0
