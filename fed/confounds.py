"""Whether it predicts the label which modalities a case has.

Where it does, a model can score by noticing what is missing instead of reading what is there, and
scores under different conditions are of different mixtures of cases. The check needs only the
counts that sites send on their cards.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fed.randomness import generator
from fed.sites import CONDITIONS, Role, SiteCard

PERMUTATIONS = 999
SIGNIFICANCE = 0.01
LEAST_INFORMATION = 0.01
"""Mutual information in nats below which a dependence does not matter, however certain it is."""


@dataclass(frozen=True)
class Confound:
    """How much the modalities of a case tell of its label.

    Attributes
    ----------
    mutual_information_nats : float
        Between the modalities (both, fundus only, OCT only) and the label.
    p_value : float
        Probability of as much where labels are permuted among the cases.
    words : str
        What it means for whoever reads the results.
    """

    mutual_information_nats: float
    p_value: float
    words: str

    @property
    def raised(self) -> bool:
        """Whether it is beyond chance and large enough to matter."""
        return self.p_value <= SIGNIFICANCE and self.mutual_information_nats >= LEAST_INFORMATION


@dataclass(frozen=True)
class Confounds:
    """The check on all training cases, on all held-out cases, and at each site alone.

    ``training`` also answers to label skew between sites that own different modalities; ``sites``
    only to what happens within one.
    """

    training: Confound
    held_out: Confound
    sites: Mapping[str, Confound]

    @property
    def warnings(self) -> tuple[str, ...]:
        """A sentence for each that is raised, naming the cases it is about."""
        checked = {"training": self.training, "held out": self.held_out, **self.sites}
        return tuple(f"{name}: {found.words}" for name, found in checked.items() if found.raised)


def confounds(cards: Sequence[SiteCard], seed: int) -> Confounds:
    """Check a federation by its sites' cards."""

    def pooled(role: Role) -> Confound:
        table = sum((_table(card) for card in cards if card.role == role), np.zeros((3, 1), int))
        return modality_label_confound(table, seed, role)

    return Confounds(
        training=pooled("train"),
        held_out=pooled("held_out"),
        sites={
            card.name: modality_label_confound(_table(card), seed, "site", card.name)
            for card in cards
        },
    )


def modality_label_confound(counts: ArrayLike, seed: int, *scope: str) -> Confound:
    """Test whether modalities and label are independent, by a permutation test.

    Parameters
    ----------
    counts : array_like of int, (patterns, classes)
        Cases by the modalities they have and by label.
    seed : int
    *scope : str
        What is tested; tests of different scopes permute independently.
    """
    table = np.asarray(counts, dtype=np.int64)
    observed, p_value = _tested(table, seed, *scope)
    return Confound(observed, p_value, _words(table, observed, p_value))


def device_label_confound(counts: ArrayLike, column: str, seed: int, *scope: str) -> Confound:
    """Test whether a device, or the source that stands for it, and the label are independent.

    Parameters
    ----------
    counts : array_like of int, (devices, classes)
        Cases by device and by label.
    column : str
        What tells the device.
    seed : int
    *scope : str
        What is tested; tests of different scopes permute independently.
    """
    table = np.asarray(counts, dtype=np.int64)
    observed, p_value = _tested(table, seed, "device", column, *scope)
    shares = table / np.maximum(table.sum(axis=0), 1)
    classes = max(int((table.sum(axis=0) > 0).sum()), 1)
    guessed = float(shares.max(axis=1).sum()) / classes  # by the best guess for each device
    return Confound(
        observed,
        p_value,
        f"{column!r} alone predicts the label (balanced accuracy {guessed:.2f} where "
        f"{1 / classes:.2f} is chance, mutual information {observed:.3f} nats, "
        f"p = {p_value:.3f}): a model can score by recognising the device",
    )


def _tested(table: NDArray[np.int64], seed: int, *scope: str) -> tuple[float, float]:
    """Return the mutual information of a table, and the probability of as much by chance."""
    observed = float(_mutual_information(table))
    permuted = _mutual_information(_permuted(table, generator(seed, "confound", *scope)))
    reached = int((permuted >= observed - 1e-12).sum())
    return observed, (1 + reached) / (1 + PERMUTATIONS)


def _table(card: SiteCard) -> NDArray[np.int64]:
    return np.array([card.cases[condition] for condition in CONDITIONS], dtype=np.int64)


def _mutual_information(tables: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the plug-in mutual information in nats of tables ``(..., patterns, classes)``."""
    joint = tables / np.maximum(tables.sum(axis=(-2, -1), keepdims=True), 1)
    independent = joint.sum(axis=-1, keepdims=True) * joint.sum(axis=-2, keepdims=True)
    ratio = np.divide(joint, independent, out=np.ones_like(joint), where=joint > 0)
    return np.maximum((joint * np.log(ratio)).sum(axis=(-2, -1)), 0.0)


def _permuted(table: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.int64]:
    """Return the tables ``(PERMUTATIONS, patterns, classes)`` of permuted labels.

    Permuting labels among cases keeps both margins and makes each cell hypergeometric given those
    before it, so that tables are drawn directly, at a cost that does not grow with the cases.
    """
    patterns, classes = table.shape
    remaining = np.tile(table.sum(axis=0), (PERMUTATIONS, 1))
    drawn = np.zeros((PERMUTATIONS, patterns, classes), dtype=np.int64)
    for pattern, size in enumerate(table.sum(axis=1)):
        wanted = np.full(PERMUTATIONS, size)
        for label in range(classes):
            others = remaining[:, label + 1 :].sum(axis=1)
            cell = random.hypergeometric(remaining[:, label], others, wanted)
            drawn[:, pattern, label] = cell
            wanted -= cell
        remaining -= drawn[:, pattern]
    return drawn


def _words(table: NDArray[np.int64], information: float, p_value: float) -> str:
    if (table.sum(axis=1) > 0).sum() < 2:
        return "all cases have the same modalities, so these say nothing of the label"
    if (table.sum(axis=0) > 0).sum() < 2:
        return "all cases have the same label, so there is nothing to tell"
    share = table.sum(axis=0) / table.sum()
    entropy = -float((share[share > 0] * np.log(share[share > 0])).sum())
    figures = (
        f"mutual information {information:.3f} nats, {information / entropy:.0%} of the label's "
        f"entropy, p = {p_value:.3f}"
    )
    if Confound(information, p_value, "").raised:
        return (
            f"which modalities a case has predicts its label ({figures}): a model can score by "
            "what is missing, and scores with one and with both modalities compare different "
            "cases; use cases that have both and take a modality away on purpose"
        )
    return f"which modalities a case has says nothing of note about its label ({figures})"
