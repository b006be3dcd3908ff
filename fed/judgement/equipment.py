"""What a camera would be worth: the answers that a site's patients would gain by the other image.

A site that owns one camera knows how many of its patients have which grade. What the second image
brings to an eye of each grade is measured on held-out eyes that have both, with the model's answers
corrected for the site's own mix of grades; the site's value is the sum over its patients.

It is a valuation from one model, not a ranking of sites.
"""

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from fed.config.judging import Equipment as Asked
from fed.judgement.eyes import TwoImageEyes
from fed.judgement.mix import corrected, shares
from fed.metrics import interval_of, resamples
from fed.results import Equipment, Estimate, SiteValue
from fed.sites import MODALITIES, Modality, SiteCard

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

SMALLEST = float(np.finfo(np.float64).eps)
"""Least probability that a logarithm is taken of, as in `fed.metrics.nll`."""


def equipment(
    eyes: TwoImageEyes,
    cards: Iterable[SiteCard],
    assumed: Vector,
    asked: Asked,
    replicates: int,
    generator: np.random.Generator,
) -> Equipment:
    """Return what the other camera would be worth to each site that owns one.

    Parameters
    ----------
    eyes : TwoImageEyes
        Held out.
    cards : iterable of SiteCard
    assumed : array (K,)
        The mix of grades that the answers are made for.
    asked : Equipment
    replicates : int
        Bootstrap resamples of the held-out eyes, the same for all sites; 0: no intervals.
    generator : numpy.random.Generator
    """
    drawn = resamples(eyes.patients, eyes.sites, replicates, generator)
    weights = np.hstack([np.ones((len(eyes), 1)), *drawn])
    cost: dict[Modality, float] = {"oct": asked.cost.oct, "fundus": asked.cost.fundus}
    return Equipment(
        cost=cost,
        years=asked.years,
        count=eyes.count,
        sites={
            card.name: _value(eyes, card, assumed, cost, asked.years, weights)
            for card in cards
            if len(card.modalities) == 1
        },
    )


def gains(labels: NDArray[np.int64], first: Matrix, both: Matrix) -> tuple[Vector, Vector]:
    """Return what each eye gains by the second image: correctness (-1, 0 or 1), and nats.

    Parameters
    ----------
    labels : array (n,)
    first, both : array (n, K)
        Probabilities given one image, and both.
    """
    rows = np.arange(len(labels))
    right = [(p.argmax(axis=1) == labels).astype(np.float64) for p in (first, both)]
    nats = [np.log(np.maximum(p[rows, labels], SMALLEST)) for p in (first, both)]
    return right[1] - right[0], nats[1] - nats[0]


def over_patients(
    gained: Vector, labels: NDArray[np.int64], cases: Vector, weights: Matrix
) -> Vector:
    """Return the gain of all of a site's patients (replicates,): the sum over grades.

    Parameters
    ----------
    gained : array (n,)
        Of the held-out eyes.
    labels : array (n,)
    cases : array (K,)
        The site's patients by grade. NaN where they have a grade that no eye of a replicate has.
    weights : array (n, replicates)
    """
    total = np.zeros(weights.shape[1])
    for grade in np.flatnonzero(cases):
        own = labels == grade
        counted = weights[own].sum(axis=0)
        mean = np.divide(
            gained[own] @ weights[own],
            counted,
            out=np.full(len(counted), np.nan),
            where=counted > 0,
        )
        total += cases[grade] * mean
    return total


def _value(
    eyes: TwoImageEyes,
    card: SiteCard,
    assumed: Vector,
    cost: Mapping[Modality, float],
    years: float,
    weights: Matrix,
) -> SiteValue:
    (owned,) = card.modalities
    (lacked,) = (m for m in MODALITIES if m != owned)
    counts = np.array(card.cases[owned], dtype=np.float64)
    mix = shares(counts)
    first, both = (corrected(eyes.probabilities[c], assumed, mix) for c in (owned, "both"))
    correct, nats = (
        over_patients(gained, eyes.labels, counts / years, weights)
        for gained in gains(eyes.labels, first, both)
    )
    return SiteValue(
        group=card.group,
        role=card.role,
        owns=owned,
        lacks=lacked,
        cases=float(counts.sum() / years),
        ill=float(counts[1:].sum() / years),
        correct=_estimate(correct),
        nats=_estimate(nats),
        correct_per_cost=_estimate(correct / cost[lacked]),
    )


def _estimate(values: Vector) -> Estimate:
    """Return the first value, with the interval of the others."""
    value = float(values[0]) if np.isfinite(values[0]) else None
    if len(values) == 1:
        return Estimate(value=value)
    low, high = interval_of([values[1:]]) if value is not None else (None, None)
    return Estimate(value=value, low=low, high=high)
