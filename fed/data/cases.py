"""What every data source gives: the sites of a federation and the cases at each."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fed.data.account import Account
from fed.sites import MODALITIES, Condition, Modality, Site, SiteCard

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Case:
    """One eye, or one modality of an eye whose other records are not linked to it.

    Attributes
    ----------
    case_id, patient_id : str
        Unique within the data source. A patient's cases are all at one site.
    label : int
        Index into ``task.classes``.
    modalities : tuple
        What this record holds: one modality or both.
    groups : Mapping
        The group of the eye in each column of ``evaluation.subgroups``; empty where not known.
    """

    case_id: str
    patient_id: str
    label: int
    modalities: tuple[Modality, ...]
    groups: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def condition(self) -> Condition:
        """``"both"``, or the only modality the case has."""
        return "both" if len(self.modalities) == 2 else self.modalities[0]


class CaseImages(Protocol):
    """Reads the pixels of one site's cases."""

    @property
    def mapped(self) -> bool:
        """Whether they lie in memory-mapped files, so that nobody need keep what was read."""
        ...

    def fundus(self, index: int) -> Pixels:
        """Return colour fundus photograph ``(3, height, width)`` of the site's case `index`."""
        ...

    def oct(self, index: int) -> Pixels:
        """Return OCT volume ``(slices, depth, width)`` of the site's case `index`."""
        ...


@dataclass(frozen=True)
class SiteCases:
    """The cases of one site; their pixels are drawn or read when asked for."""

    site: Site
    cases: tuple[Case, ...]
    images: CaseImages

    def __len__(self) -> int:
        return len(self.cases)

    def indices(self, modality: Modality) -> list[int]:
        """Return the positions of the cases that have `modality`."""
        return [i for i, case in enumerate(self.cases) if modality in case.modalities]

    def labels(self) -> NDArray[np.int64]:
        """Return the labels ``(n,)``."""
        return np.array([case.label for case in self.cases], dtype=np.int64)

    def card(self, classes: int, min_patients: int = 1) -> SiteCard:
        """Count the cases by class and modality.

        Parameters
        ----------
        min_patients : int
            A count of fewer patients is told as `coarse` has it.
        """
        found: dict[tuple[Condition, int], list[str]] = {}
        for case in self.cases:
            found.setdefault((case.condition, case.label), []).append(case.patient_id)
        counts: dict[Condition, list[int]] = {
            condition: [0] * classes for condition in ("both", "fundus", "oct")
        }
        for (condition, label), patients in found.items():
            counts[condition][label] = coarse(len(patients), len(set(patients)), min_patients)
        present = tuple(m for m in MODALITIES if any(m in c.modalities for c in self.cases))
        return SiteCard(
            name=self.site.name,
            group=self.site.group,
            role=self.site.role,
            modalities=present,
            cases={condition: tuple(row) for condition, row in counts.items()},
            resources=self.site.resources,
        )


def coarse(cases: int, patients: int, min_patients: int) -> int:
    """Return a number of cases as it may be told: of too few patients, never below `min_patients`.

    So nobody learns of one or two patients that they are there alone; none are told as none.
    """
    return max(cases, min_patients) if 0 < patients < min_patients else cases


class CaseSource(Protocol):
    """A data source: who the sites are, and what each holds."""

    @property
    def sites(self) -> Sequence[Site]:
        """All sites, in the order of the configuration."""
        ...

    @property
    def accounts(self) -> Sequence[Account]:
        """What became of everything that was read or drawn, source by source."""
        ...

    @property
    def warnings(self) -> Sequence[str]:
        """What a reader of the results must know of the eyes, a sentence each."""
        ...

    def open(self, name: str) -> SiteCases:
        """Return the cases of one site; touches no other site's images."""
        ...


def owned(
    case_id: str,
    patient_id: str,
    label: int,
    available: Sequence[Modality],
    site: Site,
    random: np.random.Generator,
) -> Iterator[Case]:
    """Yield the records a site keeps of one eye, by its ownership shares and record linkage.

    An eye keeps each available modality with the probability ``site.shares``, or that of the
    population it is drawn into where the site has several (``site.populations``); one that would be
    left with nothing keeps one of them, drawn in proportion to the shares. An eye with both whose
    records are not linked (``site.paired``) becomes two cases of one modality each.

    Parameters
    ----------
    available : sequence of {"fundus", "oct"}
        The images that exist. A modality the site does not own is never kept; an eye with no
        image of an owned modality yields nothing.
    random : numpy.random.Generator
        A generator of this eye's own, so that the answer depends on nothing else.
    """
    draws = random.random(len(MODALITIES) + 2)
    shares = _shares(site, available, random)
    candidates = [m for m in available if shares[m] > 0]
    kept = tuple(
        m
        for m, draw in zip(MODALITIES, draws, strict=False)
        if m in candidates and draw < shares[m]
    )
    if not kept and candidates:
        weights = np.cumsum([shares[m] for m in candidates])
        kept = (candidates[int(np.searchsorted(weights, draws[-2] * weights[-1], "right"))],)
    if len(kept) == 2 and draws[-1] >= site.paired:
        for modality in kept:
            yield Case(f"{case_id}/{modality}", patient_id, label, (modality,))
    elif kept:
        yield Case(case_id, patient_id, label, kept)


def _shares(
    site: Site, available: Sequence[Modality], random: np.random.Generator
) -> Mapping[Modality, float]:
    """Draw the population of an eye among those that one with its images can be of."""
    possible = [p for p in site.populations if any(p[1][m] > 0 for m in available)]
    if not possible:
        return site.shares
    weights = np.cumsum([share for share, _ in possible])
    drawn = np.searchsorted(weights, random.random() * weights[-1], "right")
    return possible[int(drawn)][1]
