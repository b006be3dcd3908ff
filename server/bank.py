"""The bank: prototypes of each class and modality, and what the fusion learns from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from fed.pair_sums import PairSums
from fed.protocol import Bank, Statistics
from fed.prototypes import Prototypes, join, summarise
from fed.randomness import derive
from fed.sites import MODALITIES, Modality
from model.transport import feature_plan, labelled_coupling
from server.bank_bounds import bounded


@dataclass
class BankBuilder:
    """Collects the class statistics of the sites, in the order they are added.

    Attributes
    ----------
    prototypes : int
        Most of a class and modality.
    pulled : list of str
        Whose clusters were too far out, in words.
    pairs : PairSums or None
        Of the linked eyes of all sites; None where no site has sent any.
    """

    prototypes: int
    seed: int
    pulled: list[str] = field(default_factory=list)
    pairs: PairSums | None = None
    _parts: dict[Modality, dict[str, Prototypes]] = field(default_factory=dict)

    def add(self, site: str, statistics: Statistics) -> None:
        """Add one site's clusters, and what it tells across modalities."""
        for modality, clusters in statistics.bank.items():
            self._parts.setdefault(modality, {})[site] = clusters
        if statistics.pairs is not None:
            self.pairs = statistics.pairs if self.pairs is None else self.pairs + statistics.pairs

    def result(self) -> dict[Modality, Prototypes]:
        """Merge the clusters of all sites to at most `prototypes` a class and modality.

        Those that lie far out are pulled in first (`server.bank_bounds`); `pulled` says whose.
        """
        bank: dict[Modality, Prototypes] = {}
        for modality, by_site in self._parts.items():
            parts, pulled = bounded([*by_site.values()], [*by_site])
            self.pulled += [
                f"{p.site}: its {modality} clusters of class {p.label} are too far out and are "
                f"pulled in, times {p.factor:.3g}"
                for p in pulled
            ]
            everything = join(parts)
            bank[modality] = join(
                [
                    summarise(
                        everything.of_class(int(label)),
                        self.prototypes,
                        derive(self.seed, modality, int(label), "bank"),
                    )
                    for label in np.unique(everything.labels)
                ]
            )
        return bank


def moments_of(prototypes: Prototypes) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the mean and deviation ``(d,)`` that features are standardised with."""
    mean, std = prototypes.moments()
    return mean, np.where(std > 1e-6, std, np.float32(1.0)).astype(np.float32)


def missing_classes(bank: Bank, classes: Sequence[str]) -> list[str]:
    """Say in words which classes have no prototypes of a modality."""
    words = []
    for modality in MODALITIES:
        present = set(bank[modality].labels.tolist()) if modality in bank else set()
        absent = [name for label, name in enumerate(classes) if label not in present]
        if absent:
            words.append(f"no {modality} prototypes of {', '.join(absent)}")
    return words


def transport_parameters(
    bank: Bank, plan: bool = True
) -> tuple[Mapping[str, NDArray[np.float32]], list[str]]:
    """Return the buffers of ``transport``: moments of both feature spaces and the plan ``P``.

    The plan is the feature transport (method, section 2) between the two halves of the bank, under
    their labelled coupling with the cases behind each prototype as weights.

    Parameters
    ----------
    plan : bool
        False leaves ``P`` out; the fusion's transported token then stays zero.

    Returns
    -------
    Mapping of name to ndarray
        A plan that is not finite is left out.
    list of str
        What to warn of: that the plan was not solved to its tolerance.
    """
    warnings: list[str] = []
    buffers: dict[str, NDArray[np.float32]] = {}
    standardised: dict[Modality, torch.Tensor] = {}
    for modality in MODALITIES:
        if modality not in bank:
            continue
        mean, std = moments_of(bank[modality])
        buffers[f"transport.{modality}_mean"] = mean
        buffers[f"transport.{modality}_std"] = std
        standardised[modality] = torch.from_numpy((bank[modality].means - mean) / std)
    if plan and len(standardised) == 2 and _share_a_class(bank):
        fundus, oct_ = bank["fundus"], bank["oct"]
        coupling = labelled_coupling(
            standardised["fundus"],
            standardised["oct"],
            torch.from_numpy(fundus.labels),
            torch.from_numpy(oct_.labels),
            a=torch.from_numpy(fundus.counts / fundus.counts.sum()),
            b=torch.from_numpy(oct_.counts / oct_.counts.sum()),
        )
        solved = feature_plan(standardised["fundus"], standardised["oct"], coupling.plan)
        usable = bool(solved.plan.isfinite().all())
        if usable:
            buffers["transport.plan"] = solved.plan.numpy().astype(np.float32)
        if not solved.converged:
            words = f"the feature transport did not converge in {solved.sweeps} sweeps"
            warnings.append(words if usable else f"{words} and is left out")
    return buffers, warnings


def _share_a_class(bank: Bank) -> bool:
    return bool(np.isin(bank["fundus"].labels, bank["oct"].labels).any())
