"""The losses of local training, one small file each; `clients.composition` chooses."""

from clients.losses.alignment import AlignmentLoss
from clients.losses.contrast import PrototypeContrast
from clients.losses.distillation import DistillationLoss
from clients.losses.experts import ExpertLoss
from clients.losses.fusion import FusionLoss
from clients.losses.objective import Objective, label_prior
from clients.losses.proximal import ProximalTerm

__all__ = [
    "AlignmentLoss",
    "DistillationLoss",
    "ExpertLoss",
    "FusionLoss",
    "Objective",
    "PrototypeContrast",
    "ProximalTerm",
    "label_prior",
]
