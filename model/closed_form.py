"""Linear heads in closed form, from sums that sites send once.

A linear discriminant with an offset of its own for every site: within a site, features of class
``k`` are Gaussian around ``o_s + m_k`` with a covariance that all share. The sums that estimate it
add up over sites, so a federation solves the problem that pooled features would give, to the last
digit, whatever the sites' sizes and mixes of classes. Analytic federated learning (He et al.,
CVPR 2025) sums Gram matrices for ridge regression; for two classes both have the same direction.

What two classes differ by is only seen at sites that hold both: one class alone at a site moves
nothing but the covariance.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

RIDGES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
"""Candidates for the ridge, as multiples of each feature's own variance."""
RIDGE_ALONE = 1.0
"""The ridge where no group of sites can be left out: the middle of what was chosen on real eyes."""
VARIANCE_FLOOR = 1e-3
"""Added to each feature's variance, as a share of the mean one: a unit that is hardly ever active
would otherwise count like any other."""


@dataclass(frozen=True)
class ClassSums:
    """What a site's features of one modality add up to.

    Attributes
    ----------
    counts : ndarray
        ``(K,)``, cases of each class.
    means : ndarray
        ``(K, d)``, of each class; zeros without a case.
    scatter : ndarray
        ``(d, d)``: outer products of the deviations from the mean of the own class, summed.
    """

    counts: NDArray[np.int64]
    means: Array
    scatter: Array

    @classmethod
    def of(cls, features: Array, labels: NDArray[np.int64], classes: int) -> "ClassSums":
        """Sum features ``(n, d)`` with labels ``(n,)``."""
        counts = np.bincount(labels, minlength=classes)
        totals = np.zeros((classes, features.shape[1]))
        np.add.at(totals, labels, features)
        means = totals / np.maximum(counts, 1)[:, None]
        deviations = features - means[labels]
        return cls(counts, means, deviations.T @ deviations)


@dataclass(frozen=True)
class CrossSums:
    """What the features of both modalities add up to over a site's eyes that have both.

    Attributes
    ----------
    counts : ndarray
        ``(K,)``, such eyes of each class.
    scatter : ndarray
        ``(dx, dy)``: outer products of the deviations of the two from the mean of the own class.
    """

    counts: NDArray[np.int64]
    scatter: Array

    @classmethod
    def of(cls, x: Array, y: Array, labels: NDArray[np.int64], classes: int) -> "CrossSums":
        """Sum features ``(n, dx)`` and ``(n, dy)`` of the same eyes with labels ``(n,)``."""
        counts = np.bincount(labels, minlength=classes)
        means = np.zeros((classes, x.shape[1]))
        np.add.at(means, labels, x)
        means /= np.maximum(counts, 1)[:, None]
        return cls(counts, (x - means[labels]).T @ y)


@dataclass(frozen=True)
class BothSums:
    """Sums of a site that owns both modalities: of each by itself, and across."""

    x: ClassSums
    y: ClassSums
    cross: CrossSums


@dataclass(frozen=True)
class Head:
    """A linear head: ``weight (K, d)`` and ``bias (K,)`` of log-probabilities at even classes.

    Attributes
    ----------
    ridge : float
        The ridge it was solved with.
    """

    weight: Array
    bias: Array
    ridge: float


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
    everyone = _Problem.of(site for sites in groups.values() for site in sites)
    if not everyone.compares:
        raise ValueError("no site holds cases of two classes, so nothing tells them apart")
    judged = [
        (_Problem.of(s for g, sites in groups.items() if g != left_out for s in sites), left)
        for left_out, left in groups.items()
        if any((site.counts > 0).sum() > 1 for site in left)
    ]
    judged = [(rest, left) for rest, left in judged if rest.compares]
    if ridge is None:
        ridge = _best_ridge(judged)
    weight = everyone.directions([ridge])[0]
    if judged:
        weight = weight * np.mean(
            [_slope(rest.directions([ridge])[0], left) for rest, left in judged]
        )
    offsets = -0.5 * np.einsum("kd,kd->k", weight, everyone.effects) - weight @ everyone.offset
    return Head(weight, offsets, ridge)


def solve_joint_head(
    x: Mapping[str, Sequence[ClassSums]],
    y: Mapping[str, Sequence[ClassSums]],
    both: Mapping[str, Sequence[BothSums]],
    ridges: tuple[float, float],
) -> Head:
    """Solve for the head over both modalities, ``weight (K, dx + dy)``.

    The blocks of the covariance are of all who own them: that of `x`, that of `y`, and the block
    between them of who owns both. Such a matrix may be none that features have; the nearest that is
    one is taken. Where `x` alone is there, the expectation of `y` given it in the head's place of
    `y` gives the head of `x` alone, so heads of one modality are this head by conditioning.

    Parameters
    ----------
    x, y : mapping of str to sequence of ClassSums
        As in `solve_head`, of each modality.
    both : mapping of str to sequence of BothSums
        Of the sites that own both; at least one.
    ridges : tuple of float
        Of the heads of one modality.

    Notes
    -----
    Scores are made log-odds at groups that own both, each left out in turn; at sites where there is
    but one such group. A single such site is judged by a head without the block between.
    """
    units = both if len(both) > 1 else {str(i): [s] for b in both.values() for i, s in enumerate(b)}
    everyone = [sums for unit in units.values() for sums in unit]
    known_x, known_y = ([s for sites in owned.values() for s in sites] for owned in (x, y))
    weight, effects, offset = _joint(known_x, known_y, everyone, ridges)
    slopes = []
    for left in units.values():
        rest_x = [s for s in known_x if not any(s is own.x for own in left)]
        rest_y = [s for s in known_y if not any(s is own.y for own in left)]
        rest = [sums for sums in everyone if not any(sums is own for own in left)]
        if not (_compares(rest_x) and _compares(rest_y)):
            continue
        direction, _, _ = _joint(rest_x, rest_y, rest, ridges)
        gaps = [_stacked(own) for own in left if (own.cross.counts > 0).sum() > 1]
        if gaps:
            slopes.append(_slope(direction, gaps))
    weight = weight * (np.mean(slopes) if slopes else 1.0)
    offsets = -0.5 * np.einsum("kd,kd->k", weight, effects) - weight @ offset
    return Head(weight, offsets, max(ridges))


def _joint(
    x: Sequence[ClassSums],
    y: Sequence[ClassSums],
    both: Sequence[BothSums],
    ridges: tuple[float, float],
) -> tuple[Array, Array, Array]:
    """Return directions ``(K, dx + dy)``, the classes' effects and the mean offset of a site."""
    alone = [_Problem.of(x), _Problem.of(y)]
    width = len(alone[0].offset)
    total = sum(int(sums.cross.counts.sum()) for sums in both)
    covariance = np.zeros((width + len(alone[1].offset),) * 2)
    covariance[:width, :width], covariance[width:, width:] = (p.covariance for p in alone)
    if total:
        across = np.sum([sums.cross.scatter for sums in both], axis=0) / total
        covariance[:width, width:], covariance[width:, :width] = across, across.T
    values, vectors = np.linalg.eigh(covariance)
    covariance = (vectors * np.maximum(values, 0.0)) @ vectors.T
    added = [ridge * problem.scale**2 for ridge, problem in zip(ridges, alone, strict=True)]
    covariance += np.diag(np.concatenate(added))
    effects = np.hstack([p.effects for p in alone])
    weight = np.linalg.solve(covariance, effects.T).T
    return weight, effects, np.concatenate([p.offset for p in alone])


def _stacked(sums: BothSums) -> ClassSums:
    """Return the sums of a site's eyes over both features side by side."""
    scale = np.sqrt(sums.x.counts.sum() * sums.y.counts.sum()) / max(sums.cross.counts.sum(), 1)
    across = sums.cross.scatter * scale
    scatter = np.block([[sums.x.scatter, across], [across.T, sums.y.scatter]])
    return ClassSums(sums.cross.counts, np.hstack([sums.x.means, sums.y.means]), scatter)


def _compares(sites: Sequence[ClassSums]) -> bool:
    return any((site.counts > 0).sum() > 1 for site in sites)


@dataclass(frozen=True)
class _Problem:
    """The sums of many sites: the covariance, the effect of each class, the mean offset of a site."""

    covariance: Array
    effects: Array
    offset: Array
    compares: bool

    @classmethod
    def of(cls, sites: Iterable[ClassSums]) -> "_Problem":
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
        covariance = np.sum([site.scatter for site in held], axis=0) / counts.sum()
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


def _best_ridge(judged: Sequence[tuple[_Problem, Sequence[ClassSums]]]) -> float:
    if not judged:
        return RIDGE_ALONE
    found = np.zeros(len(RIDGES))
    for rest, left in judged:
        found += [_separation(weight, left) for weight in rest.directions(RIDGES)]
    return RIDGES[int(np.argmax(found))]


def _separation(weight: Array, left: Sequence[ClassSums]) -> float:
    """Return the area under the curve at sites left out: the mean over their pairs of classes.

    Of Gaussian scores, ``Phi((m_j - m_k) / sqrt(2 v))``; the mean over pairs is Hand and Till's
    (Machine Learning, 2001).
    """
    gaps = [gap / math.sqrt(2 * v) for site in left for gap, v in _gaps(weight, site)]
    return sum(0.5 * (1 + math.erf(gap / math.sqrt(2))) for gap in gaps) / len(gaps)


def _slope(weight: Array, left: Sequence[ClassSums]) -> float:
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
