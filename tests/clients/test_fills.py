import numpy as np
import pytest
import torch

from clients.fills.class_mean import ClassMean
from clients.fills.leave_out import LeaveOut
from clients.fills.prototype import Prototype
from clients.fills.regression import Regression
from clients.fills.zero import Zero
from clients.partners.random import Random
from clients.prototypes import ClassMeans
from clients.virtual_partners import VirtualPartners
from fed.parts import build
from fed.prototypes import Prototypes
from tests.clients.networks import FUNDUS, LABELS, OCT, draws, features, local_round, network

MEAN, STD = torch.tensor([1.0, 0.0]), torch.tensor([2.0, 1.0])


def prototypes(labels, means, counts):
    values = np.array(means, dtype=np.float32)
    return Prototypes(
        np.array(labels), values, np.zeros_like(values), np.array(counts, dtype=np.float32)
    )


def test_leaving_out_leaves_cases_with_one_modality_out():
    filled = LeaveOut().in_training(local_round())(features(), LABELS)
    assert LeaveOut.only_both
    assert filled.usable.tolist() == [True, False, False, True]


def test_zero_fill_keeps_zeros_and_every_case():
    filled = Zero().in_training(local_round())(features(), LABELS)
    assert filled.usable.all()
    assert not filled.oct[1].any()
    assert not filled.fundus[2].any()


def test_class_means_weigh_prototypes_by_their_cases_and_are_standardised():
    bank = prototypes([0, 0, 2], [[0, 0], [4, 4], [3, 1]], [3, 1, 5])
    means = ClassMeans.of(bank, MEAN, STD, classes=3)
    assert means.known.tolist() == [True, False, True]
    expected = [[(1 - 1) / 2, 1], [0, 0], [(3 - 1) / 2, 1]]
    np.testing.assert_allclose(means.centres.numpy(), expected)


def test_class_mean_fill_gives_the_mean_of_the_cases_class_where_one_is_missing():
    bank = prototypes([1], [[7, 9]], [2])
    means = {"oct": ClassMeans.of(bank, torch.zeros(2), torch.ones(2), classes=2)}
    given = features(2)
    complete = ClassMean().in_training(local_round(class_means=means))
    filled = complete(given, LABELS)
    assert filled.oct[1].tolist() == [7, 9]
    torch.testing.assert_close(filled.oct[[0, 2, 3]], given.oct[[0, 2, 3]])
    assert filled.usable.tolist() == [True, True, False, True]  # nobody has fundus means
    unknown = complete(given, torch.zeros(4, dtype=torch.long))
    assert unknown.usable.tolist() == [True, False, False, True]


def test_regression_fill_predicts_and_stops_the_gradient():
    model, given = network(), features()
    filled = Regression().in_training(local_round(network=model))(given, LABELS)
    torch.testing.assert_close(filled.oct[1], model.fundus2oct(given.fundus[1:2])[0])
    torch.testing.assert_close(filled.fundus[2], model.oct2fundus(given.oct[2:3])[0])
    torch.testing.assert_close(filled.fundus[FUNDUS], given.fundus[FUNDUS])
    torch.testing.assert_close(filled.oct[OCT], given.oct[OCT])
    assert not filled.oct.requires_grad
    assert filled.usable.all()


def test_prototype_fill_draws_a_partner_of_the_cases_class():
    bank = prototypes([0, 1, 1], [[5, 5], [1, 2], [3, 4]], [1, 1, 1])
    drawing = VirtualPartners("oct", bank, torch.zeros(2), torch.ones(2), Random(), draws())
    local = local_round(bank_partners={"oct": drawing})
    filled = Prototype().in_training(local)(features(2), LABELS)
    assert filled.oct[1].tolist() in ([1, 2], [3, 4])
    assert filled.usable.tolist() == [True, True, False, True]


@pytest.mark.parametrize("fill", ["zero", "class_mean", "leave_out", "regression", "prototype"])
def test_at_test_some_fills_predict_and_others_leave_the_mean(fill):
    model, given = network(), features()
    filled = build("fill", fill).at_test(model, given)
    predicts = fill not in ("zero", "class_mean")
    expected = model.fundus2oct(given.fundus[1:2])[0] if predicts else torch.zeros(64)
    torch.testing.assert_close(filled.oct[1], expected)
