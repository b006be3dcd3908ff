"""Linear heads in closed form, from sums that sites send once.

A linear discriminant with an offset of its own for every site: within a site, features of class
``k`` are Gaussian around ``o_s + m_k`` with a covariance that all share. The sums that estimate it
add up over sites, so a federation solves the problem that pooled features would give, to the last
digit, whatever the sites' sizes and mixes of classes. Analytic federated learning (He et al.,
CVPR 2025) sums Gram matrices for ridge regression; for two classes both have the same direction.

What two classes differ by is only seen at sites that hold both: one class alone at a site moves
nothing but the covariance.
"""

from model.closed_form.discriminant import Head, solve_head
from model.closed_form.joint import Joint, Predictor, solve_joint
from model.closed_form.sums import BothSums, ClassSums, CrossSums

__all__ = [
    "BothSums",
    "ClassSums",
    "CrossSums",
    "Head",
    "Joint",
    "Predictor",
    "solve_head",
    "solve_joint",
]
