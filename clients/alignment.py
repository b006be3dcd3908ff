"""What a site aligns to: partners among its own cases, or around the bank's prototypes."""

import time
from dataclasses import dataclass, field
from typing import Literal, Protocol

import torch
from torch import Tensor

from fed.protocol import TransportCount
from fed.prototypes import Prototypes
from model.rima import Features
from model.transport import draw_targets, labelled_coupling

How = Literal["labelled", "unlabelled", "random"]

# Partners are drawn from the plan, so an L1 error of this size misplaces one draw in 10,000 at most.
# It saves a quarter of the time.
DRAWN_FROM = 1e-4


@dataclass
class CouplingLog:
    """Counts the couplings of a round, so that none fails unseen."""

    count: TransportCount = field(default_factory=TransportCount)

    def coupling(
        self, x: Tensor, y: Tensor, lx: Tensor, ly: Tensor, b: Tensor | None = None
    ) -> Tensor:
        """Return the labelled coupling ``(n, m)`` of two sets of features, and count it."""
        start = time.perf_counter()
        solved = labelled_coupling(x.detach(), y.detach(), lx, ly, b=b, tolerance=DRAWN_FROM)
        self.count += TransportCount(
            couplings=1,
            not_converged=int(not solved.converged),
            left_out_classes=len(solved.left_out),
            seconds=time.perf_counter() - start,
        )
        return solved.plan


def _common_class(lx: Tensor, ly: Tensor) -> bool:
    return bool(torch.isin(lx, ly).any())


def random_partners(lx: Tensor, ly: Tensor, weights: Tensor, generator: torch.Generator) -> Tensor:
    """Draw for each label of `lx` a position of the same label in `ly`, or -1 where none is."""
    same = (lx[:, None] == ly[None, :]) * weights[None, :]
    partners = torch.full_like(lx, -1)
    found = same.sum(dim=1) > 0
    if found.any():
        partners[found] = torch.multinomial(same[found], 1, generator=generator).squeeze(1)
    return partners


class OwnPartners(Protocol):
    """Finds partners among the cases of a batch at a site that owns both modalities."""

    def draw(self, features: Features, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return partners for a batch of ``n`` cases, ``f`` with fundus and ``o`` with OCT.

        Returns
        -------
        to_oct : Tensor
            ``(f,)`` for each fundus row the position of its partner among the OCT rows; -1 for
            none.
        to_fundus : Tensor
            ``(o,)``, the reverse.
        """
        ...


class PairPartners:
    """The true partner: the other modality of the same case."""

    def draw(self, features: Features, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the partners of cases that have both; -1 for the others."""
        has_fundus, has_oct = features.has_fundus, features.has_oct
        return (
            torch.where(has_oct, has_oct.cumsum(0) - 1, -1)[has_fundus],
            torch.where(has_fundus, has_fundus.cumsum(0) - 1, -1)[has_oct],
        )


class BatchPartners:
    """Partners of a batch without regard to which rows are of one eye.

    Parameters
    ----------
    how : {"labelled", "unlabelled", "random"}
        From the labelled coupling, from the coupling without labels, or random of the same class.
    """

    def __init__(self, how: How, log: CouplingLog, generator: torch.Generator) -> None:
        self._how, self._log, self._generator = how, log, generator

    def draw(self, features: Features, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the partners of standardised features; -1 for a class without any."""
        x, y = features.fundus[features.has_fundus], features.oct[features.has_oct]
        lx, ly = labels[features.has_fundus], labels[features.has_oct]
        if self._how == "unlabelled":
            lx, ly = torch.zeros_like(lx), torch.zeros_like(ly)
        if self._how == "random" or not _common_class(lx, ly):
            ones_x, ones_y = x.new_ones(len(lx)), y.new_ones(len(ly))
            return (
                random_partners(lx, ly, ones_y, self._generator),
                random_partners(ly, lx, ones_x, self._generator),
            )
        plan = self._log.coupling(x, y, lx, ly)
        return draw_targets(plan, self._generator), draw_targets(plan.T, self._generator)


class BankPartners:
    """Partners for cases that lack a modality: draws around that modality's prototypes.

    A partner is a prototype's centre plus noise of the prototype's variance: bare centres would
    tell the fusion the label.

    Parameters
    ----------
    prototypes : Prototypes
        Of the missing modality.
    mean, std : Tensor
        Moments ``(d,)`` that features are standardised with.
    how : {"labelled", "unlabelled", "random"}
        Which prototype: by the coupling with the bank, labelled or not, or at random of the class
        in proportion to the cases behind each.
    """

    def __init__(
        self,
        prototypes: Prototypes,
        mean: Tensor,
        std: Tensor,
        how: How,
        log: CouplingLog,
        generator: torch.Generator,
    ) -> None:
        device = mean.device
        self._centres = (torch.from_numpy(prototypes.means).to(device) - mean) / std
        self._spread = torch.from_numpy(prototypes.variances).to(device).sqrt() / std
        self._labels = torch.from_numpy(prototypes.labels).to(device)
        if how == "unlabelled":
            self._labels = torch.zeros_like(self._labels)
        counts = torch.from_numpy(prototypes.counts).to(device)
        self._weights = counts / float(prototypes.counts.sum())
        self._how, self._log, self._generator = how, log, generator

    def draw(self, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Draw partners for standardised features of the modality that is there.

        Returns
        -------
        partners : Tensor
            ``(n, d)`` standardised features of the missing modality.
        found : Tensor
            ``(n,)``, bool: whether the bank has the case's class.
        """
        if self._how == "unlabelled":
            labels = torch.zeros_like(labels)
        chosen = self._choose(x, labels)
        found = chosen >= 0
        chosen = chosen.clamp(min=0)
        noise = self._centres.new_empty(len(labels), self._centres.shape[1])
        noise.normal_(generator=self._generator)
        partners = self._centres[chosen] + noise * self._spread[chosen]
        return partners * found[:, None], found

    def _choose(self, x: Tensor, labels: Tensor) -> Tensor:
        if self._how == "random" or not _common_class(labels, self._labels):
            return random_partners(labels, self._labels, self._weights, self._generator)
        plan = self._log.coupling(x, self._centres, labels, self._labels, self._weights)
        return draw_targets(plan, self._generator)
