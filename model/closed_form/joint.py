"""The head over both modalities, and what each modality tells of the other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from model.closed_form.discriminant import Head, Problem, separation, slope
from model.closed_form.sums import Array, BothSums, ClassSums, nearest_scatter

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Candidates for how much of the block between the modalities is believed."""


@dataclass(frozen=True)
class Predictor:
    """What one modality's features let expect of the other's: ``weight (dy, dx)``, ``bias (dy,)``.

    The weight is that within a class, the bias that at even classes.
    """

    weight: Array
    bias: Array


@dataclass(frozen=True)
class Joint:
    """What is solved from sums across the modalities.

    Attributes
    ----------
    head : Head
        Over both, ``weight (K, dx + dy)``.
    x_to_y, y_to_x : Predictor
    share : float
        Of the block between the modalities that was believed.
    """

    head: Head
    x_to_y: Predictor
    y_to_x: Predictor
    share: float


def solve_joint(
    x: Mapping[str, Sequence[ClassSums]],
    y: Mapping[str, Sequence[ClassSums]],
    both: Mapping[str, Sequence[BothSums]],
    heads: tuple[Head, Head],
    share: float | None = None,
) -> Joint:
    """Solve for the head over both modalities and the predictors between them.

    The blocks of the covariance are of all who own them: that of `x`, that of `y`, and the block
    between them of who owns both. Such a matrix may be none that features have; the nearest that is
    one is taken. What classes differ by is taken as far as each modality's own head found it at
    groups left out. So with a block of zeros the direction is that of the product of both heads; and
    where `x` alone is there, the predicted `y` in the head's place of `y` gives that of the head of
    `x`: heads of one modality are this head by conditioning.

    Parameters
    ----------
    x, y : mapping of str to sequence of ClassSums
        As in `solve_head`, of each modality.
    both : mapping of str to sequence of BothSums
        Of the sites that own both; at least one.
    heads : tuple of Head
        Of each modality, which have its ridge and its slope.
    share : float, optional
        Of the block between that is believed. Without, the one with the best separation when each
        group that owns both is left out in turn, or each site where there is but one such group;
        none where there is but one such site.

    Notes
    -----
    Scores are made log-odds at the same groups or sites. A single site is judged by a head without
    the block between.
    """
    units = both if len(both) > 1 else {str(i): [s] for b in both.values() for i, s in enumerate(b)}
    everyone = [sums for unit in units.values() for sums in unit]
    known_x, known_y = ([s for sites in owned.values() for s in sites] for owned in (x, y))
    problem = JointProblem.of(known_x, known_y, block_between(everyone), heads)
    judged = []
    for left in units.values():
        rest_x = [s for s in known_x if not any(s is own.x for own in left)]
        rest_y = [s for s in known_y if not any(s is own.y for own in left)]
        rest = [sums for sums in everyone if not any(sums is own for own in left)]
        if not (_compares(rest_x) and _compares(rest_y)):
            continue
        without = JointProblem.of(rest_x, rest_y, block_between(rest), heads)
        graded = [_stacked(own) for own in left if (own.cross.counts > 0).sum() > 1]
        if graded:
            judged.append((without, graded))
    if share is None:
        share = _best_share(judged) if len(everyone) > 1 else 0.0
    slopes = [slope(without.directions(share), graded) for without, graded in judged]
    weight = problem.directions(share) * (np.mean(slopes) if slopes else 1.0)
    bias = -0.5 * np.einsum("kd,kd->k", weight, problem.effects) - weight @ problem.offset
    head = Head(weight, bias, max(head.ridge for head in heads))
    return Joint(head, *problem.predictors(share), share)


def _best_share(judged: Sequence[tuple["JointProblem", Sequence[ClassSums]]]) -> float:
    found = np.zeros(len(SHARES))
    for without, left in judged:
        found += [separation(without.directions(share), left) for share in SHARES]
    return SHARES[int(np.argmax(found))]


def block_between(both: Sequence[BothSums]) -> Array | None:
    """Return the covariance between the modalities within a class, ``(dx, dy)``; None of nobody."""
    if not both:
        return None
    total = sum(int(sums.cross.counts.sum()) for sums in both)
    return np.asarray(np.sum([sums.cross.scatter for sums in both], axis=0) / total)


@dataclass(frozen=True)
class JointProblem:
    """The sums of both modalities side by side.

    Attributes
    ----------
    apart, together : ndarray
        ``(dx + dy, dx + dy)``, the covariance without and with the block between, with the ridge on
        the diagonal.
    effects, offset : ndarray
        Of the classes ``(K, dx + dy)``, and the mean one of a site.
    slopes : ndarray
        ``(dx + dy,)``, of the head of each feature's modality.
    width : int
        Features of `x`, which come first.
    """

    apart: Array
    together: Array
    effects: Array
    offset: Array
    slopes: Array
    width: int

    @classmethod
    def of(
        cls,
        x: Sequence[ClassSums],
        y: Sequence[ClassSums],
        between: Array | None,
        heads: tuple[Head, Head],
    ) -> "JointProblem":
        """Put the blocks together, make them a covariance, and add the ridge of each modality."""
        alone = [Problem.of(x), Problem.of(y)]
        width = len(alone[0].offset)
        apart = np.zeros((width + len(alone[1].offset),) * 2)
        apart[:width, :width], apart[width:, width:] = (own.covariance for own in alone)
        together = apart
        if between is not None:
            together = apart.copy()
            together[:width, width:], together[width:, :width] = between, between.T
            together = nearest_scatter(together)
        added = [head.ridge * own.scale**2 for head, own in zip(heads, alone, strict=True)]
        slopes = np.repeat([head.slope for head in heads], [len(own.offset) for own in alone])
        ridge = np.diag(np.concatenate(added))
        return cls(
            apart + ridge,
            together + ridge,
            np.hstack([own.effects for own in alone]),
            np.concatenate([own.offset for own in alone]),
            slopes,
            width,
        )

    def directions(self, share: float) -> Array:
        """Return ``(K, dx + dy)``: what is left of the effects times the inverse of the covariance."""
        effects = self.effects * self.slopes
        return np.asarray(np.linalg.solve(self._covariance(share), effects.T).T)

    def predictors(self, share: float) -> tuple[Predictor, Predictor]:
        """Return that from `x` to `y` and that from `y` to `x`."""
        x, y = slice(None, self.width), slice(self.width, None)
        return self._predictor(share, x, y), self._predictor(share, y, x)

    def _covariance(self, share: float) -> Array:
        return (1 - share) * self.apart + share * self.together

    def _predictor(self, share: float, given: slice, wanted: slice) -> Predictor:
        covariance = self._covariance(share)
        weight = np.linalg.solve(covariance[given, given], covariance[given, wanted]).T
        return Predictor(np.asarray(weight), self.offset[wanted] - weight @ self.offset[given])


def _stacked(sums: BothSums) -> ClassSums:
    """Return the sums of a site's eyes over both features side by side."""
    scale = np.sqrt(sums.x.counts.sum() * sums.y.counts.sum()) / max(sums.cross.counts.sum(), 1)
    across = sums.cross.scatter * scale
    scatter = np.block([[sums.x.scatter, across], [across.T, sums.y.scatter]])
    return ClassSums(sums.cross.counts, np.hstack([sums.x.means, sums.y.means]), scatter)


def _compares(sites: Sequence[ClassSums]) -> bool:
    return any((site.counts > 0).sum() > 1 for site in sites)
