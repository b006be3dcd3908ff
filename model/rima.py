"""The RIMA network: two encoders, predictors between them, asymmetric fusion, classifier.

Any modality may be missing from any case of a batch. Names of submodules are the names by which a
federation slices, sends and averages the network (`model.parts`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import log_softmax

from model.fusions import Fusion
from model.layers import two_layers
from model.slots import in_slots
from model.transport import transport_features


@dataclass(frozen=True)
class Features:
    """Features of a batch of ``n`` cases; rows of an absent modality hold zeros.

    Attributes
    ----------
    fundus, oct : Tensor
        ``(n, dx)`` and ``(n, dy)``.
    has_fundus, has_oct : Tensor
        ``(n,)``, bool.
    """

    fundus: Tensor
    oct: Tensor
    has_fundus: Tensor
    has_oct: Tensor

    def __len__(self) -> int:
        return len(self.has_fundus)

    def __getitem__(self, rows: Tensor) -> "Features":
        return Features(
            self.fundus[rows], self.oct[rows], self.has_fundus[rows], self.has_oct[rows]
        )

    def by_modality(self) -> Iterator[tuple[Literal["fundus", "oct"], Tensor, Tensor]]:
        """Yield each modality with its features ``(n, d)`` and which rows have it ``(n,)``."""
        yield "fundus", self.fundus, self.has_fundus
        yield "oct", self.oct, self.has_oct

    def only(self, modality: str) -> "Features":
        """Return the rows that have `modality`, with the other one taken away."""
        if modality == "fundus":
            kept = self[self.has_fundus]
            return Features(
                kept.fundus, torch.zeros_like(kept.oct), kept.has_fundus, kept.has_oct & False
            )
        kept = self[self.has_oct]
        return Features(
            torch.zeros_like(kept.fundus), kept.oct, kept.has_fundus & False, kept.has_oct
        )


@dataclass(frozen=True)
class Batch:
    """Images of ``n`` cases, each modality only for the cases that have it.

    Attributes
    ----------
    fundus : Tensor
        ``(f, 3, height, width)``, in [0, 1].
    oct : Tensor
        ``(o, slices, depth, width)``, in [0, 1].
    has_fundus, has_oct : Tensor
        ``(n,)``, bool, with ``f`` and ``o`` true entries.
    """

    fundus: Tensor
    oct: Tensor
    has_fundus: Tensor
    has_oct: Tensor


@dataclass(frozen=True)
class Sizes:
    """Widths of the network beside its encoders.

    Attributes
    ----------
    classes : int
        Number of grades.
    predictor : int
        Hidden width of the predictors between the modalities (4096 as published).
    feed_forward : int
        Hidden width of the transformer block of the fundus branch (2048 as published).
    dropout : float
        Of predictors and OCT branch (0.3 as published).
    """

    classes: int
    predictor: int
    feed_forward: int
    dropout: float = 0.3


class Nothing(nn.Module):
    """Stands for a predictor that the network does not have: predicts the mean, which is zero."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self._outputs = outputs

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(n, d)`` to zeros ``(n, outputs)``."""
        return features.new_zeros(features.shape[0], self._outputs)


class FeatureTransport(nn.Module):
    """What the fusion knows of both feature spaces: their moments and the plan between them.

    Buffers only; whoever sees both modalities sets them (`set`). Until then features pass
    unchanged and the transported token is zero.
    """

    fundus_mean: Tensor
    fundus_std: Tensor
    oct_mean: Tensor
    oct_std: Tensor
    plan: Tensor

    def __init__(self, fundus_features: int, oct_features: int) -> None:
        super().__init__()
        self.register_buffer("fundus_mean", torch.zeros(fundus_features))
        self.register_buffer("fundus_std", torch.ones(fundus_features))
        self.register_buffer("oct_mean", torch.zeros(oct_features))
        self.register_buffer("oct_std", torch.ones(oct_features))
        self.register_buffer("plan", torch.zeros(fundus_features, oct_features))

    def standardise(self, features: Features) -> Features:
        """Bring each modality to zero mean and unit variance; absent rows stay zero."""
        fundus = (features.fundus - self.fundus_mean) / self.fundus_std
        oct_ = (features.oct - self.oct_mean) / self.oct_std
        return Features(
            fundus * features.has_fundus[:, None],
            oct_ * features.has_oct[:, None],
            features.has_fundus,
            features.has_oct,
        )

    def restore(self, features: Features) -> Features:
        """Undo `standardise`, for rows that have the modality."""
        fundus = features.fundus * self.fundus_std + self.fundus_mean
        oct_ = features.oct * self.oct_std + self.oct_mean
        return Features(
            fundus * features.has_fundus[:, None],
            oct_ * features.has_oct[:, None],
            features.has_fundus,
            features.has_oct,
        )

    def forward(self, oct_features: Tensor) -> Tensor:
        """Transport OCT features ``(n, dy)`` to fundus features ``(n, dx)``; without a plan to 0."""
        return transport_features(self.plan, oct_features)


class Encoder(Protocol):
    """What the network asks of an encoder: images to features of a known width."""

    features: int

    def __call__(self, images: Tensor) -> Tensor:
        """Map ``(n, ...)`` to ``(n, features)``."""
        ...


class RIMA(nn.Module):
    """Robust incomplete-modality alignment network (RIMA, MICCAI 2025), with expert heads.

    Parameters
    ----------
    fundus_encoder, oct_encoder : nn.Module
        Map images to features; each tells its width as ``features``.
    sizes : Sizes
    fusion : Fusion
        How both modalities become one answer.
    predictors : bool or "one_layer"
        Whether there are predictors between the modalities, of two layers or of one; without, they
        predict the mean.
    """

    def __init__(
        self,
        fundus_encoder: nn.Module,
        oct_encoder: nn.Module,
        sizes: Sizes,
        fusion: Fusion,
        predictors: bool | Literal["one_layer"] = True,
    ) -> None:
        super().__init__()
        dx, dy = (cast(Encoder, encoder).features for encoder in (fundus_encoder, oct_encoder))
        self.fundus_encoder = fundus_encoder
        self.oct_encoder = oct_encoder
        self.fundus_head = nn.Linear(dx, sizes.classes)
        self.oct_head = nn.Linear(dy, sizes.classes)
        self.fundus2oct: nn.Module = Nothing(dy)
        self.oct2fundus: nn.Module = Nothing(dx)
        if predictors == "one_layer":
            self.fundus2oct, self.oct2fundus = nn.Linear(dx, dy), nn.Linear(dy, dx)
        elif predictors:
            self.fundus2oct = two_layers(dx, sizes.predictor, dy, sizes.dropout)
            self.oct2fundus = two_layers(dy, sizes.predictor, dx, sizes.dropout)
        self._fusion = fusion
        self.oct_fusion: nn.Module = nn.Identity()
        self.fundus_fusion: nn.Module = nn.Identity()
        self.joint_fusion: nn.Module = nn.Identity()
        for name, branch in fusion.branches(dx, dy, sizes).items():
            self.set_submodule(name, branch)
        self.classifier = nn.Linear(fusion.outputs(dx, dy), sizes.classes)
        self.transport = FeatureTransport(dx, dy)

    def encode(self, batch: Batch, slot: int | None = None) -> Features:
        """Encode what is there, to 32 bits; an encoder no case needs is not run.

        Parameters
        ----------
        slot : int, optional
            Encode so many images at a time, whatever their number: then an image's features do
            not depend on those beside it (`in_slots`). For networks in evaluation mode.
        """
        n = len(batch.has_fundus)
        fundus = batch.fundus.new_zeros(n, len(self.transport.fundus_mean))
        oct_ = batch.oct.new_zeros(n, len(self.transport.oct_mean))
        if len(batch.fundus):
            encoded = in_slots(self.fundus_encoder, batch.fundus, size=slot or len(batch.fundus))
            fundus = fundus.index_put((batch.has_fundus,), encoded.float())
        if len(batch.oct):
            volumes = batch.oct.unsqueeze(1)
            encoded = in_slots(self.oct_encoder, volumes, size=slot or len(volumes))
            oct_ = oct_.index_put((batch.has_oct,), encoded.float())
        return Features(fundus, oct_, batch.has_fundus, batch.has_oct)

    def experts(self, features: Features) -> Tensor:
        """Return the log-probabilities ``(n, K)`` of the product of the experts that are there."""
        fundus = log_softmax(self.fundus_head(features.fundus), dim=1)
        oct_ = log_softmax(self.oct_head(features.oct), dim=1)
        product = torch.where(features.has_fundus[:, None], fundus, 0.0)
        product = product + torch.where(features.has_oct[:, None], oct_, 0.0)
        return log_softmax(product, dim=1)

    def fuse(self, fundus: Tensor, oct_features: Tensor) -> Tensor:
        """Classify standardised features of both modalities: ``(n, dx), (n, dy) -> (n, K)``."""
        return self.classifier(self._fusion.fuse(self, fundus, oct_features))

    def predicted(self, features: Features) -> Features:
        """Fill absent rows of standardised features from the other modality's predictor."""
        has_fundus, has_oct = features.has_fundus[:, None], features.has_oct[:, None]
        return Features(
            torch.where(has_fundus, features.fundus, self.oct2fundus(features.oct)),
            torch.where(has_oct, features.oct, self.fundus2oct(features.fundus)),
            features.has_fundus,
            features.has_oct,
        )


def modules_of(state: Mapping[str, object]) -> dict[str, list[str]]:
    """Group the keys of a state dict by the submodule of `RIMA` they belong to."""
    grouped: dict[str, list[str]] = {}
    for key in state:
        grouped.setdefault(key.split(".", 1)[0], []).append(key)
    return grouped
