"""What heads, fusion and predictors minimise at a site."""

from clients.objectives.alignment import AlignmentLoss
from clients.objectives.experts import ExpertLoss
from clients.objectives.fusion import FusionLoss
from clients.objectives.objective import Objective

__all__ = ["AlignmentLoss", "ExpertLoss", "FusionLoss", "Objective"]
