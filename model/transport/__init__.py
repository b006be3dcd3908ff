"""Labelled optimal transport between modalities that share labels, not samples, not a space."""

from .coupling import Coupling, Problem, labelled_coupling, labelled_couplings
from .features import FeaturePlan, feature_plan, transport_features
from .one_space import coupling_in_one_space
from .targets import draw_targets

__all__ = [
    "Coupling",
    "FeaturePlan",
    "Problem",
    "coupling_in_one_space",
    "draw_targets",
    "feature_plan",
    "labelled_coupling",
    "labelled_couplings",
    "transport_features",
]
