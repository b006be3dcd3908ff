"""Virtual partners: draws around the bank's prototypes for cases that lack a modality."""

import torch
from torch import Tensor

from clients.couplings import Draws
from clients.partners import Partners, Points
from fed.prototypes import Prototypes
from fed.sites import Modality


class VirtualPartners:
    """Draws a partner's features around a prototype of the missing modality.

    A partner is a prototype's centre plus noise of the prototype's variance: bare centres would
    tell the fusion the label.

    Parameters
    ----------
    modality : {"fundus", "oct"}
        The missing one.
    prototypes : Prototypes
        Of it.
    mean, std : Tensor
        Moments ``(d,)`` that features are standardised with.
    how : Partners
        Which prototype.
    draws : Draws
    """

    def __init__(
        self,
        modality: Modality,
        prototypes: Prototypes,
        mean: Tensor,
        std: Tensor,
        how: Partners,
        draws: Draws,
    ) -> None:
        device = mean.device
        counts = torch.from_numpy(prototypes.counts).to(device)
        self._points = Points(
            modality=modality,
            centres=(torch.from_numpy(prototypes.means).to(device) - mean) / std,
            spread=torch.from_numpy(prototypes.variances).to(device).sqrt() / std,
            labels=torch.from_numpy(prototypes.labels).to(device),
            weights=counts / float(prototypes.counts.sum()),
        )
        self._how, self._draws = how, draws

    def draw(self, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Draw partners for standardised features of the modality that is there.

        Returns
        -------
        partners : Tensor
            ``(n, d)`` standardised features of the missing modality.
        found : Tensor
            ``(n,)``, bool: whether the bank has a partner for the case.
        """
        chosen = self._how.among_prototypes(x, labels, self._points, self._draws)
        found = chosen >= 0
        chosen = chosen.clamp(min=0)
        noise = self._points.centres.new_empty(len(labels), self._points.centres.shape[1])
        noise.normal_(generator=self._draws.generator)
        partners = self._points.centres[chosen] + noise * self._points.spread[chosen]
        return partners * found[:, None], found
