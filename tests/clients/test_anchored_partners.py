"""Partners that linked pairs of other sites anchor."""

import numpy as np
import pytest
import torch

from clients.anchors import anchors_from
from clients.couplings import CouplingLog, Draws
from clients.partners import Points
from clients.partners.anchored import Anchored
from clients.partners.nearest_anchor import NearestAnchor
from clients.partners.random import Random
from fed.pair_sums import PairSums
from fed.prototypes import Prototypes
from model.rima import Features
from server.anchors import anchors

EYES, LINKED = 60, 80
"""Of each of two classes: not linked, at the site; linked, elsewhere."""


def eyes(number, seed, related):
    """Return fundus and OCT features and labels; within a class OCT is fundus turned, or anything.

    The turn is another one in each class: what is thick in one is thin in the other.
    """
    random = np.random.default_rng(seed)
    labels = np.repeat([0, 1], number)
    x = random.normal(size=(2 * number, 3))
    y = np.where(labels[:, None] == 0, x, -x)[:, [2, 0, 1]]
    y = y if related else random.normal(size=y.shape)
    y = y + 0.2 * random.normal(size=y.shape)
    return x.astype(np.float32), y.astype(np.float32), labels


def drawing(related=True):
    """Return draws with the anchors of a federation with some linked pairs."""
    x, y, labels = eyes(LINKED, 1, related)
    ones = np.ones(len(labels), np.float32)
    bank = {
        m: Prototypes(labels, values, np.zeros_like(values), ones)
        for m, values in (("fundus", x), ("oct", y))
    }
    sent = anchors(bank, PairSums.of(x, y, labels, 2))
    stream = torch.Generator().manual_seed(0)
    return Draws(CouplingLog(), stream, anchors_from(sent, torch.device("cpu")))


def unlinked(related=True):
    """Return eyes whose photograph and OCT are separate cases: OCT of eye n is case n + 2 EYES."""
    x, y, labels = (torch.from_numpy(v) for v in eyes(EYES, 2, related))
    there = torch.arange(4 * EYES) < 2 * EYES
    nothing = torch.zeros_like(x)
    given = Features(torch.cat([x, nothing]), torch.cat([nothing, y]), there, ~there)
    return given, torch.cat([labels, labels])


def hits(how, related=True):
    """Return the share of eyes that find their own other half."""
    given, labels = unlinked(related)
    to_oct, to_fundus = how.among_cases(given, labels, drawing(related))
    own = torch.arange(2 * EYES)
    return float((to_oct == own).float().mean()), float((to_fundus == own).float().mean())


def test_unlinked_eyes_find_their_other_half_far_more_often_than_by_chance():
    chance = 1 / EYES
    assert min(hits(Anchored())) > 15 * chance
    assert max(hits(Random())) < 4 * chance


def test_where_the_modalities_have_nothing_in_common_partners_are_random_within_the_class():
    given, labels = unlinked(related=False)
    assert max(hits(Anchored(), related=False)) < 4 / EYES
    to_oct, _ = Anchored().among_cases(given, labels, drawing(related=False))
    assert (labels[given.has_oct][to_oct] == labels[given.has_fundus]).all()


def test_marginals_leave_nobody_out_where_the_nearest_are_few():
    given, labels = unlinked()
    used = {}
    for how in (Anchored(), NearestAnchor()):
        to_oct, _ = how.among_cases(given, labels, drawing())
        used[type(how)] = len(to_oct.unique())
    assert used[Anchored] > used[NearestAnchor]
    assert min(hits(NearestAnchor())) > 15 / EYES


def test_linked_eyes_have_their_own_other_half():
    x, y, labels = (torch.from_numpy(v) for v in eyes(4, 3, True))
    both = torch.ones(8, dtype=torch.bool)
    for how in (Anchored(), NearestAnchor()):
        draws = drawing()
        to_oct, to_fundus = how.among_cases(Features(x, y, both, both), labels, draws)
        assert to_oct.tolist() == to_fundus.tolist() == [*range(8)]
        assert draws.log.count.couplings == 0


def points():
    """Return the OCT halves of the site's own eyes as a bank of prototypes."""
    x, y, labels = (torch.from_numpy(v) for v in eyes(EYES, 2, True))
    return x, Points("oct", y, torch.zeros_like(y), labels, torch.ones(len(y)) / len(y))


@pytest.mark.parametrize("how", [Anchored(), NearestAnchor()])
def test_cases_find_their_prototype_in_the_bank(how):
    x, bank = points()
    found = how.among_prototypes(x, bank.labels, bank, drawing())
    assert (bank.labels[found] == bank.labels).all()
    assert (found == torch.arange(len(x))).float().mean() > 15 / EYES


def test_without_linked_pairs_partners_are_random():
    x, bank = points()
    given, labels = unlinked()
    ways = []
    for how in (Anchored(), Random()):
        draws = Draws(CouplingLog(), torch.Generator().manual_seed(0))
        ways.append(
            [
                *how.among_cases(given, labels, draws),
                how.among_prototypes(x, bank.labels, bank, draws),
            ]
        )
    for mine, theirs in zip(*ways, strict=True):
        assert mine.tolist() == theirs.tolist()


@pytest.mark.parametrize("how", [Anchored(), NearestAnchor()])
def test_a_class_that_the_bank_lacks_finds_no_partner(how):
    x, bank = points()
    known = bank.labels == 0
    rest = Points(
        "oct", *(v[known] for v in (bank.centres, bank.spread, bank.labels, bank.weights))
    )
    found = how.among_prototypes(x, bank.labels, rest, drawing())
    assert ((found >= 0) == known).all()
