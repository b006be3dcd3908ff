"""Couplings within one space against known answers and an independent solver."""

import numpy as np
import ot
import pytest
import torch

from model.transport import coupling_in_one_space, labelled_coupling


def samples(n, seed):
    return torch.randn(n, 4, generator=torch.Generator().manual_seed(seed))


def test_each_label_is_coupled_as_pot_couples_it():
    lx = torch.tensor([0, 1, 0, 1, 0, 1, 0, 2, 3])
    ly = torch.tensor([1, 0, 0, 1, 2, 0, 1, 2, 0, 1, 1])
    X, Y = samples(9, 0), samples(11, 1)
    weights = torch.rand(11, generator=torch.Generator().manual_seed(2))
    solved = coupling_in_one_space(X, Y, lx, ly, b=weights, tolerance=1e-9)
    assert (solved.left_out, solved.converged) == ((3,), True)
    squared = torch.cdist(X.double(), Y.double()).square()
    costs = (squared / squared[(lx[:, None] == ly) & (lx[:, None] < 3)].max()).numpy()
    for label in (0, 1, 2):
        rows, columns = lx == label, ly == label
        a, b = np.full(int(rows.sum()), 1 / 8), weights[columns].double().numpy()
        expected = ot.sinkhorn(
            a,
            b / b.sum() * a.sum(),
            costs[rows.numpy()][:, columns.numpy()],
            5e-3,
            method="sinkhorn_log",
            stopThr=1e-12,
            numItermax=100_000,
        )
        assert np.abs(solved.plan[rows][:, columns].numpy() - expected).sum() < 1e-6
    assert (solved.plan[lx[:, None] != ly] == 0).all()


def test_a_mirror_image_is_found_out_which_distances_within_cannot():
    """Eyes on a line, and the same in reverse: alike within, opposite between."""
    x = torch.arange(6.0)[:, None] - 2.5
    labels = torch.zeros(6, dtype=torch.long)
    assert coupling_in_one_space(x, x, labels, labels).plan.argmax(1).tolist() == [*range(6)]
    within = [labelled_coupling(x, y, labels, labels).plan for y in (x, -x)]
    torch.testing.assert_close(*within)


def test_equal_samples_are_coupled_evenly():
    labels = torch.tensor([0, 0, 1])
    plan = coupling_in_one_space(torch.ones(3, 2), torch.ones(3, 2), labels, labels).plan
    torch.testing.assert_close(plan, torch.tensor([[1, 1, 0], [1, 1, 0], [0, 0, 2.0]]) / 6)


def test_a_shift_of_one_side_changes_nothing():
    labels = torch.tensor([0, 0, 0, 1, 1])
    X, Y = samples(5, 0).double(), samples(5, 1).double()
    squared = [torch.cdist(Z, Y).square() for Z in (X, X + 3.0)]
    same = labels[:, None] == labels
    eps = [5e-3 / float(found[same].max()) for found in squared]  # the same in absolute terms
    one = coupling_in_one_space(X, Y, labels, labels, eps=eps[0], tolerance=1e-10).plan
    other = coupling_in_one_space(X + 3.0, Y, labels, labels, eps=eps[1], tolerance=1e-10).plan
    torch.testing.assert_close(one, other, atol=1e-6, rtol=0)


def test_two_widths_are_no_one_space():
    labels = torch.zeros(3, dtype=torch.long)
    with pytest.raises(ValueError, match="X has 4 features and Y 3"):
        coupling_in_one_space(samples(3, 0), samples(3, 1)[:, :3], labels, labels)
    with pytest.raises(ValueError, match="no label in common"):
        coupling_in_one_space(samples(3, 0), samples(3, 1), labels, labels + 1)
