"""Who needs the other camera: the order of eyes with one image, and what a second image brings.

A clinic with one camera sends the eyes whose grade is least certain for the other image. For each
order of the eyes the curve says which share of the whole gain comes with which share of the
examinations. Sending in random order is the control without knowledge; sending in the order of what
the second image turned out to change, which nobody can know before, the bound from above.
"""

from collections.abc import Callable, Sequence
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from fed.judgement.eyes import TwoImageEyes
from fed.judgement.mix import corrected
from fed.metrics import Ranking, agreement, interval_of, resamples
from fed.results import Estimate, Triage, TriageClinic, TriageCurve, TriageScore
from fed.results.judgement import FirstImage, Mix
from fed.results.judgement import Ranking as Order

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Curves = dict[Order, dict[str, Matrix]]
"""By order and metric (shares, replicates)."""

SHARES = tuple(round(0.05 * step, 2) for step in range(21))
ENOUGH = 0.95
TOLERANCE = 1e-9


def entropy(first: Matrix, both: Matrix) -> Vector:
    """Return the entropy (n,) of the grade given the one image, in nats."""
    logarithms = np.log(first, out=np.zeros_like(first), where=first > 0)
    return -(first * logarithms).sum(axis=1)


def margin(first: Matrix, both: Matrix) -> Vector:
    """Return how close (n,) the second most probable grade comes to the most probable one."""
    ordered = np.sort(first, axis=1)
    return ordered[:, -2] - ordered[:, -1]


def seen(first: Matrix, both: Matrix) -> Vector:
    """Return what the second image, once seen, is held to have gained in correctness (n,).

    The probability of the best grade given both images, less that of the grade given before.
    """
    before = np.take_along_axis(both, first.argmax(axis=1)[:, None], axis=1)[:, 0]
    return both.max(axis=1) - before


def chance(first: Matrix, both: Matrix) -> Vector:
    """Return the same for all (n,): ties are sent in random order."""
    return np.zeros(len(first))


ORDERS: dict[Order, Callable[[Matrix, Matrix], Vector]] = {
    "entropy": entropy,
    "margin": margin,
    "seen": seen,
    "chance": chance,
}
"""Scores by which eyes are sent, the highest first."""


def accuracy(counts: Matrix) -> Vector:
    """Return the share of correct grades (replicates,) of confusion matrices (K, K, replicates)."""
    return np.asarray(np.einsum("kkr->r", counts) / counts.sum(axis=(0, 1)))


def kappa(counts: Matrix) -> Vector:
    """Return Cohen's kappa (replicates,) of confusion matrices (K, K, replicates)."""
    return agreement(counts, 1 - np.eye(len(counts)))


METRICS: dict[str, Callable[[Matrix], Vector]] = {"accuracy": accuracy, "kappa": kappa}


def triage(
    eyes: TwoImageEyes,
    assumed: Vector,
    mix: Sequence[float] | None,
    replicates: int,
    generator: Callable[[str], np.random.Generator],
) -> Triage:
    """Return how much of the second image's gain comes with how many examinations.

    Parameters
    ----------
    eyes : TwoImageEyes
    assumed : array (K,)
        The mix of grades that the answers are made for.
    mix : sequence of float, optional
        Another mix beside the drawn one: entered as a prior before eyes are ranked, and as the
        weight of the eyes of each grade.
    replicates : int
        Bootstrap resamples of the eyes; 0 gives values without intervals.
    generator : callable
        Gives the random numbers of one image's clinics by its name; both mixes meet the same resamples.
    """
    drawn = np.bincount(eyes.labels, minlength=len(assumed)) / len(eyes)
    mixes: dict[Mix, Vector | None] = {"drawn": None}
    if mix is not None:
        given = np.asarray(mix, dtype=np.float64) / sum(mix)
        if (drawn[given > 0] > 0).all():
            mixes["given"] = given
    clinics: dict[FirstImage, dict[Mix, TriageClinic]] = {}
    for first in get_args(FirstImage):
        clinics[first] = {
            name: TriageClinic(
                count=eyes.count,
                mix=tuple((drawn if asked is None else asked).tolist()),
                metrics=_metrics(eyes, first, assumed, asked, replicates, generator(first)),
            )
            for name, asked in mixes.items()
        }
    return Triage(shares=SHARES, enough=ENOUGH, clinics=clinics)


class Sending:
    """Which part of each eye's weight is sent, for any share of all weight, in one order.

    Eyes of equal score are sent in random order: of each the same part, which is the mean.

    Parameters
    ----------
    score : array (n,)
        The highest is sent first.
    weights : array (n, replicates)
    asked : array (m,)
        Positions of the eyes whose part is wanted.
    """

    def __init__(self, score: Vector, weights: Matrix, asked: NDArray[np.int64]) -> None:
        order = Ranking.of(-score)
        groups = order.grouped(weights)
        group = np.empty(len(score), dtype=np.int64)
        sizes = np.diff([*order.starts, len(score)])
        group[order.order] = np.repeat(np.arange(len(sizes)), sizes)
        own, before = groups[group[asked]], (np.cumsum(groups, axis=0) - groups)[group[asked]]
        there = own > 0
        self._slope = np.divide(weights.sum(axis=0), own, out=np.zeros_like(own), where=there)
        self._start = np.divide(before, own, out=np.zeros_like(own), where=there)
        self._weights = weights[asked]

    def weight(self, share: float) -> Matrix:
        """Return the weight (m, replicates) that is sent when this share of all weight is."""
        part = share * self._slope - self._start
        np.clip(part, 0.0, 1.0, out=part)
        part *= self._weights
        return np.asarray(part)


def curves(labels: NDArray[np.int64], first: Matrix, both: Matrix, weights: Matrix) -> Curves:
    """Return each metric (shares, replicates) by the order in which eyes are sent.

    Parameters
    ----------
    labels : array (n,)
    first, both : array (n, K)
        Probabilities given one image, and both.
    weights : array (n, replicates)
    """
    classes = first.shape[1]
    cells_first, cells_both = (_cells(labels, p) for p in (first, both))
    start = (cells_first @ weights).reshape(classes, classes, -1)
    changed = first.argmax(axis=1) != both.argmax(axis=1)  # no other eye moves a count
    moves, asked = (cells_both - cells_first)[:, changed], np.flatnonzero(changed)
    found: Curves = {}
    for name, score in ORDERS.items():
        sending = Sending(score(first, both), weights, asked)
        values: dict[str, list[Vector]] = {metric: [] for metric in METRICS}
        for share in SHARES:
            moved = moves @ sending.weight(share)
            counts = start + moved.reshape(start.shape)
            for metric, of_counts in METRICS.items():
                values[metric].append(of_counts(counts))
        found[name] = {metric: np.stack(v) for metric, v in values.items()}
    return found


def weights_at(labels: NDArray[np.int64], drawn: Matrix, mix: Vector | None) -> Matrix:
    """Return the weights (n, replicates) of eyes, so that each replicate has the mix.

    Parameters
    ----------
    drawn : array (n, replicates)
        How often each eye was drawn.
    mix : array (K,), optional
        None: as drawn. A replicate without an eye of a grade that the mix has is undefined, NaN.
    """
    if mix is None:
        return drawn
    by_class = np.eye(len(mix))[labels].T @ drawn
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.where(mix[:, None] > 0, mix[:, None] / by_class, 0.0)
    scale[:, ~np.isfinite(scale).all(axis=0)] = np.nan
    return np.asarray(drawn * scale[labels] * len(labels))


def _metrics(
    eyes: TwoImageEyes,
    first: FirstImage,
    assumed: Vector,
    mix: Vector | None,
    replicates: int,
    generator: np.random.Generator,
) -> dict[str, TriageScore]:
    one, two = eyes.probabilities[first], eyes.probabilities["both"]
    if mix is not None:
        one, two = (corrected(p, assumed, mix) for p in (one, two))
    once = curves(eyes.labels, one, two, weights_at(eyes.labels, np.ones((len(eyes), 1)), mix))
    again = _resampled(eyes, one, two, mix, replicates, generator)
    return {name: _score(name, once, again) for name in METRICS}


def _resampled(
    eyes: TwoImageEyes,
    one: Matrix,
    two: Matrix,
    mix: Vector | None,
    replicates: int,
    generator: np.random.Generator,
) -> Curves | None:
    """Return the curves of resampled eyes; None where they would say nothing about spread."""
    parts = []
    for drawn in resamples(eyes.patients, eyes.sites, replicates, generator):
        weights = weights_at(eyes.labels, drawn, mix)
        kept = weights[:, np.isfinite(weights).all(axis=0)]
        parts.append(curves(eyes.labels, one, two, kept))
    if not parts:
        return None
    return {
        order: {m: np.concatenate([part[order][m] for part in parts], axis=1) for m in METRICS}
        for order in ORDERS
    }


def _score(metric: str, once: Curves, again: Curves | None) -> TriageScore:
    """Return the curves of one metric, with intervals where there are resamples."""
    any_order: Order = "entropy"  # all begin and end alike
    value = once[any_order][metric][:, 0]
    spread = None if again is None else again[any_order][metric]
    gain = _estimate(value[-1] - value[0], None if spread is None else spread[-1] - spread[0])
    shown = (gain.value or 0.0) > 0 and (spread is None or (gain.low or 0.0) > 0)
    return TriageScore(
        first=_estimate(value[0], None if spread is None else spread[0]),
        both=_estimate(value[-1], None if spread is None else spread[-1]),
        gain=gain,
        curves={
            order: _curve(
                once[order][metric], None if again is None else again[order][metric], shown
            )
            for order in ORDERS
        },
    )


def _curve(once: Matrix, again: Matrix | None, shown: bool) -> TriageCurve:
    """Return the shares of a gain; where none is shown, there is nothing to have a share of."""
    if not shown:
        none = Estimate(value=None) if again is None else Estimate(value=None, low=None, high=None)
        return TriageCurve(share_of_gain=(none,) * len(SHARES), enough=none)
    parts, reached = _parts(once), None
    spread = None if again is None else _parts(again)
    if spread is not None:
        reached = _enough(spread)
    return TriageCurve(
        share_of_gain=tuple(
            _estimate(parts[i, 0], None if spread is None else spread[i])
            for i in range(len(SHARES))
        ),
        enough=_estimate(_enough(parts)[0], reached),
    )


def _parts(values: Matrix) -> Matrix:
    """Return the share of the gain (shares, replicates); NaN where a replicate has none."""
    gain = values[-1] - values[0]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(gain > 0, (values - values[0]) / gain, np.nan))


def _enough(parts: Matrix) -> Vector:
    """Return the smallest share that brings nearly all of the gain (replicates,)."""
    reached = np.array(SHARES)[(parts >= ENOUGH - TOLERANCE).argmax(axis=0)]
    return np.where(np.isfinite(parts[0]), reached, np.nan)


def _estimate(value: float, spread: Vector | None) -> Estimate:
    defined = float(value) if np.isfinite(value) else None
    if spread is None:
        return Estimate(value=defined)
    low, high = interval_of([spread])
    return Estimate(value=defined, low=low, high=high)


def _cells(labels: NDArray[np.int64], probabilities: Matrix) -> Matrix:
    """Return the place of each case in the confusion matrix (K * K, n)."""
    classes = probabilities.shape[1]
    return np.eye(classes * classes)[labels * classes + probabilities.argmax(axis=1)].T
