"""The schema of the network: its size, where its weights start, and what of it never trains."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from fed.config.section import Count, Section, Share
from fed.parts import PartKey, build
from fed.sites import Modality


class Frozen(Section):
    """An encoder that never trains: its features are computed once, and rounds run on them.

    They are stored by ``--prepare`` where ``data.prepared`` names a folder, and otherwise computed
    at each start. Training images are not varied then.
    """

    encoder: str
    """`own`: the encoder of `model.scale` as it starts, with its weights; or a file of
    torch.export (`.pt2`) or TorchScript (`.pt`, `.pth`, `.ts`). A file is given one image at a
    time, in [0, 1]: `(1, 3, height, width)`, or `(1, 1, slices, depth, width)`."""
    features: Count | None = None
    """Width of its output; needed with a file."""
    standardise: bool = False
    """Whether features are brought to zero mean and unit variance, without labels: by moments that
    are averaged over the sites, or by each site's own with `model.normalisation: local`."""

    @model_validator(mode="after")
    def _width_of_files(self) -> "Frozen":
        if (self.encoder == "own") is not (self.features is None):
            raise ValueError(
                "features: needed with a file, and not with encoder: own, which tells it"
            )
        return self


class Encoders(Section):
    """The encoder of each modality; null: the one of `model.scale`."""

    fundus: Annotated[Any, PartKey("fundus_encoder")] = None
    oct: Annotated[Any, PartKey("oct_encoder")] = None


class Widths(Section):
    """Widths of the network beside its encoders."""

    predictor: Count
    """Hidden width of the predictors between the modalities (4096 as published)."""
    feed_forward: Count
    """Hidden width of the transformer block of the fundus branch (2048 as published)."""
    dropout: Share = 0.3
    """Of predictors and OCT branch (0.3 as published)."""


Scale = Literal["small", "medium", "paper"]
SCALES: Mapping[Scale, tuple[Any, Any, Widths]] = {
    "small": ("small", "small", Widths(predictor=128, feed_forward=128, dropout=0.1)),
    "medium": (
        {"use": "res2net", "layers": (2, 2, 2, 2), "width": 16},
        {"use": "resnet3d", "width": 16},
        Widths(predictor=512, feed_forward=512),
    ),
    "paper": ("res2net", "resnet3d", Widths(predictor=4096, feed_forward=2048)),
}
"""What a scale is short for: both encoders, and the widths beside them."""


class Model(Section):
    """The network."""

    scale: Scale = "small"
    """Short for both encoders and all widths: `small` for phantom and small images; `paper` as
    published."""
    encoders: Encoders = Encoders()
    """Encoders other than those of the scale."""
    widths: Widths | None = None
    """Other widths than those of the scale."""
    fundus_weights: str | None = None
    """File of pretrained weights for the fundus encoder."""
    oct_weights: str | None = None
    """File of pretrained weights for the OCT encoder."""
    init: str | None = None
    """A checkpoint of the whole network to start from: ours, or the authors' released one."""
    frozen: dict[Modality, Frozen] = Field(default_factory=dict)
    """Encoders that never train, by modality."""
    normalisation: Literal["batch", "local", "group"] = "batch"
    """Of the encoders. `batch`: BatchNorm, its running statistics averaged over the sites like
    everything else. `local`: BatchNorm whose statistics never travel: each site, a held-out one
    too, takes those of its own images (no labels) before it encodes them. `group`: GroupNorm in the
    place of each BatchNorm, which has no statistics; published weights are taken over."""

    @property
    def encoder_parts(self) -> tuple[Any, Any]:
        """The encoders of both modalities, fundus first."""
        fundus, volume, _ = SCALES[self.scale]
        return (
            self.encoders.fundus or build("fundus_encoder", fundus),
            self.encoders.oct or build("oct_encoder", volume),
        )

    @property
    def all_widths(self) -> Widths:
        """The widths, those of the scale filled in."""
        return self.widths or SCALES[self.scale][2]
