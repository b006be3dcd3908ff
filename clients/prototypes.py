"""Class means of one modality, made of the bank's prototypes."""

from dataclasses import dataclass

import torch
from torch import Tensor

from fed.prototypes import Prototypes


@dataclass(frozen=True)
class ClassMeans:
    """Mean feature of each class.

    Attributes
    ----------
    centres : Tensor
        ``(K, d)``, standardised; zeros for a class the bank does not have.
    known : Tensor
        ``(K,)``, bool: whether the bank has the class.
    """

    centres: Tensor
    known: Tensor

    @classmethod
    def of(cls, prototypes: Prototypes, mean: Tensor, std: Tensor, classes: int) -> "ClassMeans":
        """Average the prototypes of each class, weighted by the cases behind them.

        Parameters
        ----------
        mean, std : Tensor
            Moments ``(d,)`` that features are standardised with.
        """
        labels = torch.from_numpy(prototypes.labels)
        weights = torch.from_numpy(prototypes.counts).double()
        totals = torch.zeros(classes, dtype=torch.float64).index_add(0, labels, weights)
        shares = (weights / totals[labels])[:, None]
        values = shares * torch.from_numpy(prototypes.means).double()
        centres = torch.zeros(classes, values.shape[1], dtype=torch.float64)
        centres = centres.index_add(0, labels, values).float().to(mean.device)
        known = (totals > 0).to(mean.device)
        return cls((centres - mean) / std * known[:, None], known)
