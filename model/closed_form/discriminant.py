"""A linear discriminant with an offset of its own for every site."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from model.closed_form.sums import Array, ClassSums, nearest_scatter

RIDGES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
"""Candidates for the ridge, as multiples of each feature's own variance."""
RIDGE_ALONE = 1.0
"""The ridge where no group of sites can be left out: the middle of what was chosen on real eyes."""
VARIANCE_FLOOR = 1e-3
"""Added to each feature's variance, as a share of the mean one: a unit that is hardly ever active
would otherwise count like any other."""
LEAST_SLOPE = 1e-3
"""Of a head that fails at every group left out: nearly flat, so that it says little, but still ranks.
Sums with noise may tell so of a head that is good."""


@dataclass(frozen=True)
class Head:
    """A linear head: ``weight (K, d)`` and ``bias (K,)`` of log-probabilities at even classes.

    Attributes
    ----------
    ridge : float
        The ridge it was solved with.
    slope : float
        How much of what classes differ by is left at groups left out.
    """

    weight: Array
    bias: Array
    ridge: float
    slope: float = 1.0


def solve_head(groups: Mapping[str, Sequence[ClassSums]], ridge: float | None = None) -> Head:
    """Solve for a head.

    Parameters
    ----------
    groups : mapping of str to sequence of ClassSums
        The sites' sums, by group: sites of a group share their devices.
    ridge : float, optional
        As a multiple of each feature's variance within a class. Without, the one with the best
        mean separation when each group is left out in turn, which the sums tell without another
        message.

    Raises
    ------
    ValueError
        If no site holds two classes.
    """
    everyone = Problem.of(site for sites in groups.values() for site in sites)
    if not everyone.compares:
        raise ValueError("no site holds cases of two classes, so nothing tells them apart")
    judged = [
        (Problem.of(s for g, sites in groups.items() if g != left_out for s in sites), left)
        for left_out, left in groups.items()
        if any((site.counts > 0).sum() > 1 for site in left)
    ]
    judged = [(rest, list(map(_possible, left))) for rest, left in judged if rest.compares]
    if ridge is None:
        ridge = _best_ridge(judged)
    slopes = [slope(rest.directions([ridge])[0], left) for rest, left in judged]
    kept = max(float(np.mean(slopes)), LEAST_SLOPE) if slopes else 1.0
    weight = kept * everyone.directions([ridge])[0]
    offsets = -0.5 * np.einsum("kd,kd->k", weight, everyone.effects) - weight @ everyone.offset
    return Head(weight, offsets, ridge, kept)


@dataclass(frozen=True)
class Problem:
    """The sums of many sites: the covariance, the effect of each class, the mean offset of a site."""

    covariance: Array
    effects: Array
    offset: Array
    compares: bool

    @classmethod
    def of(cls, sites: Iterable[ClassSums]) -> "Problem":
        """Estimate the covariance, and the classes' effects by least squares beside offsets."""
        held = list(sites)
        if not held:
            return cls(np.zeros((1, 1)), np.zeros((1, 1)), np.zeros(1), False)
        counts = np.array([site.counts for site in held], dtype=np.float64)
        means = np.array([site.means for site in held])
        totals = np.maximum(counts.sum(axis=1), 1.0)
        centres = np.einsum("sk,skd->sd", counts, means) / totals[:, None]
        laplacian = np.diag(counts.sum(axis=0)) - (counts / totals[:, None]).T @ counts
        right = np.einsum("sk,skd->kd", counts, means) - counts.T @ centres
        effects = np.linalg.pinv(laplacian, hermitian=True) @ right
        offsets = centres - (counts / totals[:, None]) @ effects
        covariance = nearest_scatter(np.sum([site.scatter for site in held], axis=0)) / counts.sum()
        offset = counts.sum(axis=1) @ offsets / counts.sum()
        return cls(covariance, effects, offset, bool(((counts > 0).sum(axis=1) > 1).any()))

    @property
    def scale(self) -> Array:
        """The deviation of each feature within a class, never quite 0."""
        variances = self.covariance.diagonal()
        return np.sqrt(variances + VARIANCE_FLOOR * variances.mean())

    def directions(self, ridges: Sequence[float]) -> list[Array]:
        """Return for each ridge ``(K, d)``: the effects times the inverse of the covariance.

        Features are brought to unit variance before, so that the ridge means the same to all.
        """
        scale = self.scale
        values, vectors = np.linalg.eigh(self.covariance / np.outer(scale, scale))
        turned = (self.effects / scale) @ vectors
        return [turned / (values + ridge) @ vectors.T / scale for ridge in ridges]


def _possible(site: ClassSums) -> ClassSums:
    """Return the sums with a scatter that features can have: scores need a variance."""
    return replace(site, scatter=nearest_scatter(site.scatter))


def _best_ridge(judged: Sequence[tuple[Problem, Sequence[ClassSums]]]) -> float:
    if not judged:
        return RIDGE_ALONE
    found = np.zeros(len(RIDGES))
    for rest, left in judged:
        found += [separation(weight, left) for weight in rest.directions(RIDGES)]
    return RIDGES[int(np.argmax(found))]


def separation(weight: Array, left: Sequence[ClassSums]) -> float:
    """Return the area under the curve at sites left out: the mean over their pairs of classes.

    Of Gaussian scores, ``Phi((m_j - m_k) / sqrt(2 v))``; the mean over pairs is Hand and Till's
    (Machine Learning, 2001).
    """
    gaps = [gap / math.sqrt(2 * v) for site in left for gap, v in _gaps(weight, site)]
    return sum(0.5 * (1 + math.erf(gap / math.sqrt(2))) for gap in gaps) / len(gaps)


def slope(weight: Array, left: Sequence[ClassSums]) -> float:
    """Return what makes scores log-odds at sites left out; at least 0: a head that fails is flat.

    Two Gaussians of variance ``v`` with means that are ``g`` apart have log-odds of slope ``g / v``.
    """
    pairs = [pair for site in left for pair in _gaps(weight, site)]
    return max(sum(gap for gap, _ in pairs) / sum(v for _, v in pairs), 0.0)


def _gaps(weight: Array, site: ClassSums) -> list[tuple[float, float]]:
    """Return for each pair of classes at a site how far their scores are apart, and the variance."""
    there = np.flatnonzero(site.counts)
    freedom = max(int(site.counts.sum()) - len(there), 1)
    pairs = []
    for position, j in enumerate(there):
        for k in there[position + 1 :]:
            direction = weight[j] - weight[k]
            variance = direction @ site.scatter @ direction / freedom
            gap = direction @ (site.means[j] - site.means[k])
            pairs.append((float(gap), float(max(variance, np.finfo(float).tiny))))
    return pairs
