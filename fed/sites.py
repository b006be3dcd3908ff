"""Sites and their cards: who owns what, how much, how fast."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Modality = Literal["fundus", "oct"]
Role = Literal["train", "held_out"]
Condition = Literal["both", "fundus", "oct"]

Axis = Literal["slices", "depth", "width"]
Axes = tuple[Axis, Axis, Axis]

AXES: Axes = ("slices", "depth", "width")
"""Of an OCT volume, in our order."""
MODALITIES: tuple[Modality, ...] = ("fundus", "oct")
CONDITIONS: tuple[Condition, ...] = ("both", "fundus", "oct")
NEEDED_BY: Mapping[Condition, tuple[Modality, ...]] = {
    "both": MODALITIES,
    "fundus": ("fundus",),
    "oct": ("oct",),
}
"""What a case must have to serve a condition."""


@dataclass(frozen=True)
class Resources:
    """What a site can spend on the federation.

    Attributes
    ----------
    speed : float
        Compute speed relative to the machine the federation is simulated on.
    uplink_mbps, downlink_mbps : float
        Bandwidth to and from the server, megabits a second.
    availability : float
        Probability that the site is reachable in a round.
    dropout : float
        Probability that the site, once it takes part, does not answer.
    """

    speed: float = 1.0
    uplink_mbps: float = 100.0
    downlink_mbps: float = 100.0
    availability: float = 1.0
    dropout: float = 0.0


@dataclass(frozen=True)
class Site:
    """One site as the configuration describes it, before any case is drawn or read.

    Attributes
    ----------
    name, group : str
        ``"community-3"`` of the group ``"community"``; the only site of a group has its name.
    role : {"train", "held_out"}
        Held-out sites never train.
    shares : Mapping
        Share of the site's cases that have each modality.
    paired : float
        Of the cases with both modalities, the share known to be the same eye.
    style : float
        How far the site's devices differ from the average device (phantom eyes).
    resources : Resources
    populations : tuple of (share, shares)
        Kinds of patients with shares of their own, of which `shares` is the mean; may be empty.
    """

    name: str
    group: str
    role: Role
    shares: Mapping[Modality, float]
    paired: float
    style: float
    resources: Resources
    populations: tuple[tuple[float, Mapping[Modality, float]], ...] = ()

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """The modalities the site owns, in the order fundus, OCT."""
        return tuple(m for m in MODALITIES if self.shares[m] > 0)


@dataclass(frozen=True)
class SiteCard:
    """What a site tells the server about itself: counts, no image, no list of labels.

    Attributes
    ----------
    cases : Mapping
        For ``both``, ``fundus`` (only) and ``oct`` (only): the number of cases of each class, in
        the order of ``task.classes``.
    """

    name: str
    group: str
    role: Role
    modalities: tuple[Modality, ...]
    cases: Mapping[Condition, tuple[int, ...]]
    resources: Resources

    def having(self, modality: Modality) -> int:
        """Return how many cases have `modality`, alone or with the other."""
        return sum(self.cases["both"]) + sum(self.cases[modality])

    def lacking(self, modality: Modality) -> int:
        """Return how many cases lack `modality`."""
        return self.total - self.having(modality)

    @property
    def total(self) -> int:
        """Number of cases."""
        return sum(sum(counts) for counts in self.cases.values())
