"""The corrected coupling against known answers and an independent solver."""

import ot
import pytest
import torch

from model.transport import Problem, labelled_coupling, labelled_couplings


def clouds(n, m, dx, dy, classes, seed, separation=1.0):
    generator = torch.Generator().manual_seed(seed)

    def side(size, width):
        labels = torch.arange(size) % classes
        labels = labels[torch.randperm(size, generator=generator)]
        centres = separation * torch.randn(classes, width, generator=generator)
        noise = torch.randn(size, width, generator=generator)
        return (centres[labels] + noise).double(), labels

    (X, lx), (Y, ly) = side(n, dx), side(m, dy)
    return X, Y, lx, ly


def normalised_distances(X):
    D = torch.cdist(X, X).square()
    return (D / D.max()).numpy()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("eps", [5e-3, 5e-2])
def test_one_class_agrees_with_pot(seed, eps):
    X, Y, lx, ly = clouds(12, 15, 5, 7, 1, seed)
    D1, D2 = normalised_distances(X), normalised_distances(Y)
    expected = ot.gromov.entropic_gromov_wasserstein(
        D1, D2, epsilon=2 * eps, tol=1e-12, max_iter=5000, numItermax=20000, stopThr=1e-12
    )
    coupling = labelled_coupling(X, Y, lx, ly, eps=eps)
    assert coupling.converged
    assert abs(coupling.plan.numpy() - expected).sum() < 1e-5


@pytest.mark.parametrize("seed", range(4))
def test_marginals_are_met_when_class_counts_differ(seed):
    X, Y, lx, ly = clouds(32, 21, 16, 8, 4, seed)
    coupling = labelled_coupling(X, Y, lx, ly)
    assert coupling.converged
    torch.testing.assert_close(
        coupling.plan.sum(1), torch.full((32,), 1 / 32).double(), atol=1e-6, rtol=0
    )
    share = torch.tensor([(lx == c).sum() / 32 / (ly == c).sum() for c in ly]).double()
    torch.testing.assert_close(coupling.plan.sum(0), share, atol=1e-6, rtol=0)
    assert (coupling.plan[lx[:, None] != ly] == 0).all()


def test_a_hidden_permutation_within_classes_is_recovered():
    X, _, lx, _ = clouds(30, 30, 6, 6, 3, seed=0)
    generator = torch.Generator().manual_seed(1)
    order = torch.randperm(30, generator=generator)
    rotation, _ = torch.linalg.qr(torch.randn(6, 6, generator=generator).double())
    coupling = labelled_coupling(X, X[order] @ rotation + 3, lx, lx[order])
    assert (order[coupling.plan.argmax(1)] == torch.arange(30)).all()


def test_labels_of_one_side_are_left_out_and_reported():
    X, Y, lx, ly = clouds(20, 16, 6, 6, 4, seed=3)
    lx[lx == 0] = 9
    coupling = labelled_coupling(X, Y, lx, ly)
    assert coupling.left_out == (0, 9)
    kept, taken = lx != 9, ly != 0
    alone = labelled_coupling(X[kept], Y[taken], lx[kept], ly[taken])
    assert coupling.plan[~kept].abs().sum() == coupling.plan[:, ~taken].abs().sum() == 0
    torch.testing.assert_close(coupling.plan[kept][:, taken], alone.plan, atol=1e-7, rtol=0)


def test_a_weighted_bank_is_the_same_as_repeated_samples():
    X, Y, lx, ly = clouds(24, 12, 6, 6, 3, seed=5)
    counts = torch.arange(12) % 3 + 1
    repeated = labelled_coupling(
        X, Y.repeat_interleave(counts, 0), lx, ly.repeat_interleave(counts)
    )
    weighted = labelled_coupling(X, Y, lx, ly, b=counts.double())
    folded = torch.zeros(24, 12).double()
    folded.index_add_(1, torch.arange(12).repeat_interleave(counts), repeated.plan)
    torch.testing.assert_close(weighted.plan, folded, atol=1e-6, rtol=0)


def test_weighted_rows_count_as_often_as_they_weigh():
    X, Y, lx, ly = clouds(12, 18, 6, 6, 3, seed=6)
    counts = torch.arange(12) % 3 + 1
    repeated = labelled_coupling(
        X.repeat_interleave(counts, 0), Y, lx.repeat_interleave(counts), ly
    )
    weighted = labelled_coupling(X, Y, lx, ly, a=counts.double())
    folded = torch.zeros(12, 18).double()
    folded.index_add_(0, torch.arange(12).repeat_interleave(counts), repeated.plan)
    torch.testing.assert_close(weighted.plan, folded, atol=1e-6, rtol=0)


def test_the_cost_is_the_objective_of_the_plan():
    X, Y, lx, ly = clouds(9, 7, 4, 3, 2, seed=8)
    coupling = labelled_coupling(X, Y, lx, ly, eps=0.02)
    D1, D2 = (torch.from_numpy(normalised_distances(Z)) for Z in (X, Y))
    T = coupling.plan
    apart = (D1[:, None, :, None] - D2[None, :, None, :]).square()
    distortion = torch.einsum("ijkl,ij,kl->", apart, T, T)
    product = T.sum(1, keepdim=True) * T.sum(0)
    entropy = (torch.xlogy(T, T) - torch.xlogy(T, product)).sum()
    torch.testing.assert_close(coupling.cost, distortion + 0.04 * entropy)


def test_a_batch_of_different_sizes_equals_single_calls():
    shapes = [
        (32, 32, 8, 9, 4),
        (5, 17, 3, 20, 2),
        (1, 1, 4, 4, 1),
        (40, 12, 64, 2, 3),
        (9, 11, 8, 2, 2),
    ]
    problems = [Problem(*clouds(*shape, seed=7)) for shape in shapes]
    for problem, together in zip(problems, labelled_couplings(problems), strict=True):
        single = labelled_coupling(*problem[:4])
        torch.testing.assert_close(together.plan, single.plan, atol=1e-7, rtol=0)
        assert together.converged == single.converged
