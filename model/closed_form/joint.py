"""The head over both modalities, and what each modality tells of the other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from model.closed_form.discriminant import Head, Problem, slope
from model.closed_form.sums import Array, BothSums, ClassSums


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
    """

    head: Head
    x_to_y: Predictor
    y_to_x: Predictor


def solve_joint(
    x: Mapping[str, Sequence[ClassSums]],
    y: Mapping[str, Sequence[ClassSums]],
    both: Mapping[str, Sequence[BothSums]],
    heads: tuple[Head, Head],
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

    Notes
    -----
    Scores are made log-odds at groups that own both, each left out in turn; at sites where there is
    but one such group. A single such site is judged by a head without the block between.
    """
    units = both if len(both) > 1 else {str(i): [s] for b in both.values() for i, s in enumerate(b)}
    everyone = [sums for unit in units.values() for sums in unit]
    known_x, known_y = ([s for sites in owned.values() for s in sites] for owned in (x, y))
    problem = JointProblem.of(known_x, known_y, block_between(everyone), heads)
    slopes = []
    for left in units.values():
        rest_x = [s for s in known_x if not any(s is own.x for own in left)]
        rest_y = [s for s in known_y if not any(s is own.y for own in left)]
        rest = [sums for sums in everyone if not any(sums is own for own in left)]
        if not (_compares(rest_x) and _compares(rest_y)):
            continue
        without = JointProblem.of(rest_x, rest_y, block_between(rest), heads)
        judged = [_stacked(own) for own in left if (own.cross.counts > 0).sum() > 1]
        if judged:
            slopes.append(slope(without.directions, judged))
    weight = problem.directions * (np.mean(slopes) if slopes else 1.0)
    bias = -0.5 * np.einsum("kd,kd->k", weight, problem.effects) - weight @ problem.offset
    head = Head(weight, bias, max(head.ridge for head in heads))
    return Joint(head, *problem.predictors)


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
    covariance : ndarray
        ``(dx + dy, dx + dy)``, with the ridge on its diagonal.
    effects, offset : ndarray
        Of the classes ``(K, dx + dy)``, and the mean one of a site.
    slopes : ndarray
        ``(dx + dy,)``, of the head of each feature's modality.
    width : int
        Features of `x`, which come first.
    """

    covariance: Array
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
        covariance = np.zeros((width + len(alone[1].offset),) * 2)
        covariance[:width, :width], covariance[width:, width:] = (p.covariance for p in alone)
        if between is not None:
            covariance[:width, width:], covariance[width:, :width] = between, between.T
        values, vectors = np.linalg.eigh(covariance)
        covariance = (vectors * np.maximum(values, 0.0)) @ vectors.T
        added = [head.ridge * own.scale**2 for head, own in zip(heads, alone, strict=True)]
        slopes = np.repeat([head.slope for head in heads], [len(own.offset) for own in alone])
        return cls(
            covariance + np.diag(np.concatenate(added)),
            np.hstack([own.effects for own in alone]),
            np.concatenate([own.offset for own in alone]),
            slopes,
            width,
        )

    @property
    def directions(self) -> Array:
        """``(K, dx + dy)``: what is left of the effects times the inverse of the covariance."""
        return np.asarray(np.linalg.solve(self.covariance, (self.effects * self.slopes).T).T)

    @property
    def predictors(self) -> tuple[Predictor, Predictor]:
        """From `x` to `y`, and from `y` to `x`."""
        x, y = slice(None, self.width), slice(self.width, None)
        return self._predictor(x, y), self._predictor(y, x)

    def _predictor(self, given: slice, wanted: slice) -> Predictor:
        weight = np.linalg.solve(self.covariance[given, given], self.covariance[given, wanted]).T
        return Predictor(np.asarray(weight), self.offset[wanted] - weight @ self.offset[given])


def _stacked(sums: BothSums) -> ClassSums:
    """Return the sums of a site's eyes over both features side by side."""
    scale = np.sqrt(sums.x.counts.sum() * sums.y.counts.sum()) / max(sums.cross.counts.sum(), 1)
    across = sums.cross.scatter * scale
    scatter = np.block([[sums.x.scatter, across], [across.T, sums.y.scatter]])
    return ClassSums(sums.cross.counts, np.hstack([sums.x.means, sums.y.means]), scatter)


def _compares(sites: Sequence[ClassSums]) -> bool:
    return any((site.counts > 0).sum() > 1 for site in sites)
