"""The schema of the network: its size, where its weights start, and what of it never trains."""

from typing import Literal

from pydantic import Field, model_validator

from fed.config.section import Count, Section
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

    @model_validator(mode="after")
    def _width_of_files(self) -> "Frozen":
        if (self.encoder == "own") is not (self.features is None):
            raise ValueError(
                "features: needed with a file, and not with encoder: own, which tells it"
            )
        return self


class Model(Section):
    """The network."""

    scale: Literal["small", "medium", "paper"] = "small"
    """`small` for phantom and small images; `paper` as published."""
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
