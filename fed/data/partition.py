"""Which patients of a pool of real ones each site gets.

The unit is the patient, never the eye: all eyes of a patient are at one site, so no patient is at
two sites, and none both in training and held out.
"""

import heapq
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fed.config.groups import Dirichlet, LogNormal, SiteGroup
from fed.data.groups import expand
from fed.errors import ConfigError, DataError
from fed.randomness import generator
from fed.sites import Modality, Site


@dataclass(frozen=True)
class Patient:
    """What the partition needs to know of a patient.

    Attributes
    ----------
    labels : tuple of int
        One an eye.
    modalities : frozenset
        Of which there is an image of at least one eye.
    place : str or None
        The patient's value in ``data.site_column``.
    """

    patient_id: str
    labels: tuple[int, ...]
    modalities: frozenset[Modality]
    place: str | None = None


def divide(
    groups: Sequence[SiteGroup], patients: Sequence[Patient], classes: int, seed: int
) -> dict[str, tuple[str, ...]]:
    """Assign patients to sites.

    ``cases`` of a group is a number of patients a site; or a share, for the whole group, of the
    patients no group claims by name, divided evenly among its sites; or names in
    ``data.site_column``. One name may be claimed by many sites, which divide its patients evenly;
    several names need as many sites, one each.

    Patients are drawn in random order from those with an image of a modality the site owns. Sites
    with ``labels: natural`` take them as they come. Sites with label proportions in turn take a
    patient of the class they are farthest behind in (the class of a patient is the most severe
    grade of their eyes), so that a scarce class is shared out rather than served to the first
    site; once the pool has no more of it, others stand in.

    Held-out sites are served before training sites, and in both natural ones before the others:
    so neither is what held-out sites see shaped by the skew that is asked of training sites, nor
    is `natural` made of what the skewed sites left over. (Held-out sites with proportions of
    their own do shape what is left to train on.)

    Parameters
    ----------
    patients : sequence of Patient
        In any order: the result depends on who is in the pool, not on the order of a file.
    classes : int
        Number of classes.

    Returns
    -------
    dict
        Patient ids by site name, for every site, in the order they were drawn.

    Raises
    ------
    ConfigError, DataError
        If more patients are asked for than there are, or a site would get none.
    """
    requests = _requests(groups, patients, classes, seed)
    pool = _Pool(patients, {name for request in requests for name in request.names}, seed)
    for role in ("held_out", "train"):
        for natural in (True, False):
            _serve(
                [r for r in requests if r.role == role and (r.proportions is None) is natural],
                pool,
            )
    return {request.site.name: tuple(request.drawn) for request in requests}


@dataclass
class _Request:
    """What one site asks for, and what it has been given so far."""

    site: Site
    size: int
    names: tuple[str, ...]
    proportions: NDArray[np.float64] | None
    eyes: NDArray[np.int64]
    drawn: list[str] = field(default_factory=list)

    @property
    def role(self) -> str:
        return self.site.role

    def behind(self) -> NDArray[np.float64] | None:
        """Return by class how many of the next eyes are wanting; None where labels are natural."""
        if self.proportions is None:
            return None
        return self.proportions * (self.eyes.sum() + 1) - self.eyes

    def take(self, patient: Patient) -> None:
        self.drawn.append(patient.patient_id)
        for label in patient.labels:
            self.eyes[label] += 1


class _Pool:
    """Patients not yet assigned, in random order, by claimed name, modalities and class."""

    def __init__(self, patients: Sequence[Patient], claimed: set[str], seed: int) -> None:
        ordered = sorted(patients, key=lambda patient: patient.patient_id)
        order = generator(seed, "partition").permutation(len(ordered))
        self._queues: dict[_Kind, deque[tuple[int, Patient]]] = {}
        for rank, index in enumerate(order.tolist()):
            patient = ordered[index]
            place = patient.place if patient.place in claimed else None
            kind = _Kind(place, patient.modalities, max(patient.labels))
            self._queues.setdefault(kind, deque()).append((rank, patient))

    def draw(self, request: _Request) -> Patient | None:
        """Remove and return the next patient for a site; None if there is none for it."""
        kinds = [kind for kind, queue in self._queues.items() if queue and kind.suits(request)]
        if not kinds:
            return None
        behind = request.behind()

        def next_up(kind: _Kind) -> tuple[float, int]:
            return (0.0 if behind is None else -behind[kind.label], self._queues[kind][0][0])

        return self._queues[min(kinds, key=next_up)].popleft()[1]

    def left(self, request: _Request) -> int:
        """Return how many patients could still be drawn for a site."""
        return sum(len(queue) for kind, queue in self._queues.items() if kind.suits(request))


@dataclass(frozen=True)
class _Kind:
    place: str | None
    modalities: frozenset[Modality]
    label: int

    def suits(self, request: _Request) -> bool:
        place_fits = self.place in request.names if request.names else self.place is None
        return place_fits and not self.modalities.isdisjoint(request.site.modalities)


def _serve(requests: Sequence[_Request], pool: _Pool) -> None:
    """Draw for sites in turn, always for the one with the least of what it asks for."""
    turns = [(0.0, position) for position, request in enumerate(requests) if request.size]
    while turns:
        _, position = heapq.heappop(turns)
        request = requests[position]
        patient = pool.draw(request)
        if patient is not None:
            request.take(patient)
            if len(request.drawn) < request.size:
                heapq.heappush(turns, (len(request.drawn) / request.size, position))
        elif not request.names or not request.drawn:
            owned = " or ".join(request.site.modalities)
            raise DataError(
                f"sites.{request.site.group}.cases: {request.site.name} asks for {request.size} "
                f"patients with {owned}, and only {len(request.drawn)} are left for it"
            )


def _requests(
    groups: Sequence[SiteGroup], patients: Sequence[Patient], classes: int, seed: int
) -> list[_Request]:
    names = {site: claimed for group in groups for site, claimed in claims(group)}
    claimants = Counter(name for claimed in names.values() for name in claimed)
    places = Counter(patient.place for patient in patients)
    unclaimed = len(patients) - sum(places[name] for name in claimants)
    sizes = dict(_sizes(groups, unclaimed, seed))
    requests = []
    for group in groups:
        for site in expand([group]):
            claimed = names[site.name]
            size = (
                sum(-(-places[name] // claimants[name]) for name in claimed)
                if claimed
                else sizes[site.name]
            )
            proportions = _label_proportions(group, site.name, classes, seed)
            requests.append(
                _Request(site, size, claimed, proportions, np.zeros(classes, dtype=np.int64))
            )
    return requests


def _label_proportions(
    group: SiteGroup, site: str, classes: int, seed: int
) -> NDArray[np.float64] | None:
    """Return the label proportions a site asks for ``(classes,)``; None where natural."""
    if isinstance(group.labels, Dirichlet):
        return generator(seed, site, "labels").dirichlet(group.labels.concentrations(classes))
    if isinstance(group.labels, tuple):
        return np.array(group.labels) / sum(group.labels)
    return None


def _sizes(groups: Sequence[SiteGroup], total: int, seed: int) -> Iterator[tuple[str, int]]:
    """Yield the number of patients of each site that claims none by name."""
    shares = sum(group.cases for group in groups if isinstance(group.cases, float))
    if shares > 1 + 1e-9:
        raise ConfigError(f"sites: the shares in cases add up to {shares:g}; at most 1 is allowed")
    asked: dict[str, list[int]] = {}
    before = 0.0
    for group in groups:
        if isinstance(group.cases, float):
            # Cumulative rounding: shares that add up to 1 give every patient away.
            whole = round((before + group.cases) * total) - round(before * total)
            before += group.cases
            if whole < group.count:
                raise DataError(
                    f"sites.{group.name}.cases: a share of {group.cases:g} of {total} patients "
                    f"is {whole}, fewer than one for each of {group.count} sites"
                )
            asked[group.name] = [(whole + i) // group.count for i in range(group.count)][::-1]
        elif isinstance(group.cases, LogNormal):
            asked[group.name] = [_log_normal(group.cases, s.name, seed) for s in expand([group])]
        elif isinstance(group.cases, int):
            asked[group.name] = [group.cases] * group.count
    if sum(map(sum, asked.values())) > total:
        parts = ", ".join(f"{name} {sum(sizes)}" for name, sizes in asked.items())
        raise DataError(
            f"sites: cases ask for {sum(map(sum, asked.values()))} patients ({parts}); "
            f"there are {total}"
        )
    for group in groups:
        for site, size in zip(expand([group]), asked.get(group.name, ()), strict=False):
            yield site.name, size


def _log_normal(cases: LogNormal, site: str, seed: int) -> int:
    spread = generator(seed, site, "cases").standard_normal() * cases.spread
    return max(1, round(cases.median * float(np.exp(spread))))


def claims(group: SiteGroup) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the names in ``data.site_column`` that each site of a group claims."""
    names = group.cases if isinstance(group.cases, tuple) else ()
    if len(names) > 1 and len(names) != group.count:
        raise ConfigError(
            f"sites.{group.name}.cases: {len(names)} names for {group.count} "
            f"site{'s' if group.count > 1 else ''}; set count to {len(names)}, one site a name, "
            "or give one name for all"
        )
    for index, site in enumerate(expand([group])):
        yield site.name, names if len(names) < 2 else (names[index],)
