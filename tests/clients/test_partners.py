import numpy as np
import pytest
import torch

from clients.partners.labelled import Labelled
from clients.partners.pairs import Pairs
from clients.virtual_partners import VirtualPartners
from fed.parts import build
from fed.prototypes import Prototypes
from model.rima import Features
from tests.clients.networks import LABELS, draws, features

PRESENT = torch.ones(8, dtype=torch.bool)


def line():
    """Return eight cases on a line, spaced unevenly; OCT is fundus mirrored."""
    x = torch.tensor([0.0, 1.0, 3.0, 6.0, 10.0, 15.0, 21.0, 28.0])[:, None]
    return Features(x, -x, PRESENT, PRESENT)


def test_pairs_are_the_rows_of_one_eye():
    to_oct, to_fundus = Pairs().among_cases(features(), LABELS, draws())  # both, fundus, OCT, both
    assert to_oct.tolist() == [0, -1, 2]
    assert to_fundus.tolist() == [0, -1, 2]


@pytest.mark.parametrize("how", ["random", "labelled"])
def test_partners_are_of_the_same_class(how):
    labels = torch.tensor([0, 0, 0, 0, 1, 1, 1, 1])
    drawing = draws()
    to_oct, to_fundus = build("partners", how).among_cases(line(), labels, drawing)
    assert (labels[to_oct] == labels).all()
    assert (labels[to_fundus] == labels).all()
    assert drawing.log.count.couplings == (how == "labelled")


def test_without_labels_the_coupling_finds_partners_by_distances_alone():
    given, shuffled = line(), torch.tensor([0, 1, 0, 1, 0, 1, 0, 1])
    unlabelled = build("partners", "unlabelled").among_cases(given, shuffled, draws())
    one_class = Labelled().among_cases(given, torch.zeros(8, dtype=torch.long), draws())
    for mine, theirs in zip(unlabelled, one_class, strict=True):
        assert mine.tolist() == theirs.tolist()
    assert (shuffled[unlabelled[0]] != shuffled).any()


def bank():
    means = np.arange(4, dtype=np.float32)[:, None]
    counts = np.ones(4, np.float32)
    return Prototypes(np.array([0, 0, 1, 1]), means, np.zeros_like(means), counts)


def virtual(how):
    part = build("partners", how)
    return VirtualPartners("oct", bank(), torch.zeros(1), torch.ones(1), part, draws())


@pytest.mark.parametrize("how", ["random", "labelled", "unlabelled"])
def test_only_without_labels_is_a_partner_of_another_class(how):
    partners = virtual(how)
    labels = torch.tensor([0, 1] * 4)
    drawn, found = partners.draw(line().fundus, labels)
    assert found.all()
    crossed = (drawn[:, 0] >= 2).long() != labels
    assert crossed.any() == (how == "unlabelled")


def test_a_class_the_bank_lacks_finds_no_partner_unless_labels_are_ignored():
    labels = torch.full((8,), 2)
    for how in ("random", "labelled", "unlabelled"):
        _, found = virtual(how).draw(line().fundus, labels)
        assert found.all() == (how == "unlabelled")
        assert found.any() == (how == "unlabelled")


def test_pairs_find_nobody_in_the_bank():
    assert not Pairs.in_bank
    _, found = virtual("pairs").draw(line().fundus, torch.zeros(8, dtype=torch.long))
    assert not found.any()
