"""A missing modality is a virtual partner in training, drawn around the bank's prototypes."""

from collections.abc import Mapping

from torch import Tensor

from clients.alignment import BankPartners
from clients.fills.fill import Completed
from fed.sites import Modality
from model.rima import Features


class PrototypeFill:
    """Fills with virtual partners.

    Parameters
    ----------
    partners : Mapping of modality to BankPartners
        Of the modalities that the site lacks for some case.
    """

    only_both = False
    as_seen = True

    def __init__(self, partners: Mapping[Modality, BankPartners]) -> None:
        self._partners = partners

    def complete(self, features: Features, labels: Tensor) -> Completed:
        """Give each case that lacks a modality a partner drawn from the bank."""
        fundus, oct_ = features.fundus.clone(), features.oct.clone()
        usable = features.has_fundus & features.has_oct
        lacking_modalities: tuple[tuple[Modality, Tensor, Tensor, Tensor], ...] = (
            ("oct", oct_, features.fundus, ~features.has_oct),
            ("fundus", fundus, features.oct, ~features.has_fundus),
        )
        for modality, target, anchors, lacking in lacking_modalities:
            if lacking.any() and modality in self._partners:
                drawn, found = self._partners[modality].draw(anchors[lacking], labels[lacking])
                target[lacking] = drawn
                usable[lacking] = found
        return Completed(fundus, oct_, usable)
