"""From a method and a phase to the losses that a site trains with."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial

import torch
from torch import Tensor

from clients.alignment import BankPartners, BatchPartners, CouplingLog, OwnPartners, PairPartners
from clients.fills import (
    ClassMeanFill,
    Fill,
    NoFill,
    PrototypeFill,
    RegressionFill,
    ZeroFill,
    at_test,
)
from clients.losses import (
    AlignmentLoss,
    DistillationLoss,
    ExpertLoss,
    FusionLoss,
    Objective,
    PrototypeContrast,
    label_prior,
)
from clients.losses.alignment import DISTANCES
from clients.prototypes import ClassMeans
from clients.site import LocalSite
from fed.config import Method
from fed.protocol import TrainTask
from fed.randomness import torch_generator
from fed.sites import MODALITIES, Modality
from model.rima import RIMA


@dataclass
class Composition:
    """Builds the parts that a method names, for one round at one site.

    Attributes
    ----------
    network : RIMA
    log : CouplingLog
        Counts the couplings of the round.
    """

    site: LocalSite
    task: TrainTask
    network: RIMA
    log: CouplingLog

    def objectives(self) -> list[Objective]:
        """Return the losses of the phase; their sum is minimised."""
        method = self._method
        trains = method.phases[self.task.phase].trains
        found: list[Objective] = []
        if "heads" in trains:
            found.append(ExpertLoss(self.network, {m: self._prior(m) for m in MODALITIES}))
        if "fusion" in trains:
            alone = partial(at_test, method, self.network) if method.modality_dropout else None
            corrects = method.corrects_experts
            found.append(FusionLoss(self.network, self._fill(), self._prior(), alone, corrects))
        if "predictors" in trains and {method.align_both, method.align_single} != {"none"}:
            distance = DISTANCES[method.distance]
            found.append(AlignmentLoss(self.network, self._own(), self._aligned(), distance))
        if method.distil and {"heads", "fusion"} <= set(trains):
            found.append(DistillationLoss(self.network, method.distil))
        if method.contrast and {"encoders", "fusion"} <= set(trains):
            found.append(PrototypeContrast(self.network, self._class_means(), method.contrast))
        return found

    @cached_property
    def _draws(self) -> torch.Generator:
        """All partners of the round are drawn from this one stream."""
        scope = (self.site.name, self.task.round, "partners")
        return torch_generator(self.site.config.seed, *scope, device=self.site.device)

    @property
    def _method(self) -> Method:
        return self.site.config.method

    @property
    def _classes(self) -> int:
        return len(self.site.config.task.classes)

    def _prior(self, modality: Modality | None = None) -> Tensor:
        """Return the label prior of the cases that have a modality; None: of all cases."""
        cases = self.site.cases.cases
        labels = [
            cases[i].label
            for i in self.site.training
            if modality is None or modality in cases[i].modalities
        ]
        adjusted = self._method.loss == "logit_adjusted"
        counted = torch.tensor(labels, dtype=torch.long)
        return label_prior(counted, self._classes, adjusted).to(self.site.device)

    def _fill(self) -> Fill:
        if self._method.fill == "prototype":
            return PrototypeFill(self._bank_partners())
        if self._method.fill == "class_mean":
            return ClassMeanFill(self._class_means())
        if self._method.fill == "regression":
            return RegressionFill(self.network)
        return NoFill() if self._method.fill == "none" else ZeroFill()

    def _own(self) -> OwnPartners | None:
        how = self._method.align_both
        if how == "none":
            return None
        return PairPartners() if how == "pairs" else BatchPartners(how, self.log, self._draws)

    def _aligned(self) -> dict[Modality, BankPartners]:
        return {} if self._method.align_single == "none" else self._bank_partners()

    def _bank_partners(self) -> dict[Modality, BankPartners]:
        how = "random" if self._method.align_single == "none" else self._method.align_single
        return {
            modality: BankPartners(prototypes, *self._moments[modality], how, self.log, self._draws)
            for modality, prototypes in self.task.bank.items()
        }

    def _class_means(self) -> dict[Modality, ClassMeans]:
        return {
            modality: ClassMeans.of(prototypes, *self._moments[modality], self._classes)
            for modality, prototypes in self.task.bank.items()
        }

    @property
    def _moments(self) -> Mapping[Modality, tuple[Tensor, Tensor]]:
        buffers = self.network.transport
        return {
            "fundus": (buffers.fundus_mean, buffers.fundus_std),
            "oct": (buffers.oct_mean, buffers.oct_std),
        }
