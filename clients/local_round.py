"""What the parts of a method work with in one round at one site, and the losses they make up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn

from clients.anchors import anchors_from
from clients.couplings import CouplingLog, Draws
from clients.losses import Classification, Loss
from clients.mean_gradient import MeanGradient
from clients.objectives import AlignmentLoss, ExpertLoss, FusionLoss, Objective
from clients.objectives.alignment import DISTANCES
from clients.partners import Partners
from clients.partners.random import Random
from clients.prototypes import ClassMeans
from clients.site import LocalSite
from clients.virtual_partners import VirtualPartners
from fed.config import Method
from fed.protocol import TrainTask
from fed.randomness import torch_generator
from fed.sites import CONDITIONS, MODALITIES, NEEDED_BY, Modality
from model.rima import RIMA


@dataclass
class LocalRound:
    """One round at one site.

    Attributes
    ----------
    site : LocalSite
    task : TrainTask
    network : RIMA
        With the modules received.
    log : CouplingLog
        Counts the couplings of the round.
    gradient : MeanGradient or None
        Of the round's steps, where the method keeps control variates.
    """

    site: LocalSite
    task: TrainTask
    network: RIMA
    log: CouplingLog = field(default_factory=CouplingLog)
    gradient: MeanGradient | None = None

    def objectives(self, weights: Sequence[nn.Parameter]) -> list[Objective]:
        """Return the losses of the phase; their sum is minimised.

        Parameters
        ----------
        weights : sequence of Parameter
            Those that train.
        """
        method, trains = self.method, set(self.method.phases[self.task.phase].trains)
        found: list[Objective] = []
        if "heads" in trains:
            found.append(ExpertLoss(self.network, {m: self.classification(m) for m in MODALITIES}))
        if "fusion" in trains:
            found.append(
                FusionLoss(
                    self.network,
                    method.fill,
                    method.fill.in_training(self),
                    self.classification(),
                    method.modality_dropout,
                    method.corrects_experts,
                )
            )
        if "predictors" in trains and method.align.any:
            bank = self.bank_partners if method.align.single is not None else {}
            distance = DISTANCES[method.align.distance]
            # A patient whose partner were another one could not be told apart from it.
            own = None if self._private else method.align.both
            found.append(AlignmentLoss(self.network, own, bank, self.draws, distance))
        found += [
            term.objective(self, weights) for term in method.terms if trains >= term.with_parts
        ]
        return found

    def corrections(self, weights: Sequence[nn.Parameter]) -> list[Tensor]:
        """Return what the server sent to be added to the gradient of each weight; 0 if nothing."""
        sent = self.task.correction
        return [
            torch.from_numpy(np.array(sent[name])).to(weight)
            if name in sent
            else weight.new_zeros(())
            for name, weight in self._named(weights).items()
        ]

    def averages_gradient(self, weights: Sequence[nn.Parameter]) -> MeanGradient:
        """Begin to average the gradients of the round's steps."""
        corrections = self.corrections(weights)
        self.gradient = MeanGradient(self._named(weights), corrections)
        return self.gradient

    def _named(self, weights: Sequence[nn.Parameter]) -> dict[str, nn.Parameter]:
        names = {id(weight): name for name, weight in self.network.named_parameters()}
        return {names[id(weight)]: weight for weight in weights}

    @property
    def method(self) -> Method:
        """The method of the run."""
        return self.site.config.method

    @cached_property
    def draws(self) -> Draws:
        """What partners are drawn with."""
        scope = (self.site.name, self.task.round, "partners")
        stream = torch_generator(self.site.config.seed, *scope, device=self.site.device)
        return Draws(self.log, stream, anchors_from(self.task.anchors, self.site.device))

    def classification(self, modality: Modality | None = None) -> Classification:
        """Return the classification loss over the cases that have a modality; None: over all."""
        loss: Loss = self.method.loss
        return loss.at_site(self._counts(modality).to(self.site.device))

    def _counts(self, modality: Modality | None) -> Tensor:
        """Count the training cases by class ``(K,)``; with a budget, as the card tells them."""
        if self._private:
            told = self.site.card.cases
            having = [told[c] for c in CONDITIONS if modality is None or modality in NEEDED_BY[c]]
            return torch.tensor(having, dtype=torch.long).sum(dim=0)
        cases = self.site.cases.cases
        labels = [
            cases[i].label
            for i in self.site.training
            if modality is None or modality in cases[i].modalities
        ]
        classes = len(self.site.config.task.classes)
        return torch.bincount(torch.tensor(labels, dtype=torch.long), minlength=classes)

    @property
    def _private(self) -> bool:
        return self.site.config.privacy.epsilon is not None

    @property
    def bank_partners(self) -> dict[Modality, VirtualPartners]:
        """What draws partners of each modality that the bank was sent for."""
        how: Partners = self.method.align.single or Random()
        return {
            modality: VirtualPartners(
                modality, prototypes, *self._moments[modality], how, self.draws
            )
            for modality, prototypes in self.task.bank.items()
        }

    @property
    def class_means(self) -> dict[Modality, ClassMeans]:
        """Mean feature of each class, of each modality that the bank was sent for."""
        classes = len(self.site.config.task.classes)
        return {
            modality: ClassMeans.of(prototypes, *self._moments[modality], classes)
            for modality, prototypes in self.task.bank.items()
        }

    @property
    def _moments(self) -> Mapping[Modality, tuple[Tensor, Tensor]]:
        buffers = self.network.transport
        return {
            "fundus": (buffers.fundus_mean, buffers.fundus_std),
            "oct": (buffers.oct_mean, buffers.oct_std),
        }
