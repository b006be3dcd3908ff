"""The schema of a method: a composition of named parts, one file each in `configs/methods`."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Part = Literal["encoders", "heads", "predictors", "fusion"]
"""`encoders`; `heads`, the classifier of each encoder; `predictors` between the modalities;
`fusion`, both branches and the classifier."""


class Phase(BaseModel):
    """A run of rounds that trains some parts of the network, with all others frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    trains: Annotated[tuple[Part, ...], Field(min_length=1)]
    share: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    """Share of `training.rounds`."""
    epochs: Annotated[int, Field(ge=1)] = 1
    """Passes over the data a round, as a multiple of `training.local_epochs`."""
    lr: Annotated[float, Field(gt=0.0)] = 1.0
    """Learning rate, as a multiple of `training.lr`."""
    batch: Annotated[int, Field(ge=1)] = 1
    """Batch size, as a multiple of `training.batch_size`."""


class Combine(BaseModel):
    """How the updates of the sites become one model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scheme: Literal["uniform", "by_module"] = "by_module"
    """`uniform`: every site sends every parameter, weighted by its cases. `by_module`: each module
    is averaged over the sites that trained it, weighted by the cases behind it."""
    both_share: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    """Least share of the weight that sites with both modalities have in predictors and fusion."""
    average_last: Annotated[int, Field(ge=1)] = 1
    """At the end of a phase the model is the mean of this many last rounds."""


class Method(BaseModel):
    """A federated method for incomplete modalities."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    summary: str = ""
    """One line for tables and reports."""
    phases: Annotated[tuple[Phase, ...], Field(min_length=1)]
    fill: Literal["zero", "prototype"] = "zero"
    """What stands for a missing modality. `zero`: zeros, in training and at test. `prototype`: in
    training a virtual partner drawn around the bank's prototypes, at test the predictor's output.
    """
    align_both: Literal["none", "labelled", "random"] = "none"
    """What predictors learn from at sites with both modalities: partners drawn from the `labelled`
    transport coupling of a batch, or `random` partners of the same class."""
    align_single: Literal["none", "labelled", "random"] = "none"
    """The same at sites with one modality, whose partners are the bank's prototypes."""
    loss: Literal["plain", "logit_adjusted"] = "plain"
    """`logit_adjusted`: cross-entropy with the site's own label prior added to the logits."""
    modality_dropout: bool = False
    """Whether the fusion also trains on each modality alone at cases that have more."""
    predict: Literal["fusion", "experts", "product"] = "fusion"
    """Who answers at test: the fusion, the product of the experts (the encoders' heads), or the
    product of fusion and experts."""
    combine: Combine = Combine()
    clusters: Annotated[int, Field(ge=1)] = 4
    """Clusters a class and modality in a site's class statistics."""
    prototypes: Annotated[int, Field(ge=1)] = 8
    """Prototypes a class and modality in the server's bank."""

    @property
    def uses_bank(self) -> bool:
        """Whether sites send class statistics and the server keeps a bank of prototypes."""
        return self.fill == "prototype" or self.align_single != "none"

    @model_validator(mode="after")
    def _parts_fit(self) -> "Method":
        trained = {part for phase in self.phases for part in phase.trains}
        if self.predict in ("experts", "product") and "heads" not in trained:
            raise ValueError(f"predict: {self.predict} needs a phase that trains heads")
        if self.predict in ("fusion", "product") and "fusion" not in trained:
            raise ValueError(f"predict: {self.predict} needs a phase that trains fusion")
        if self.fill == "prototype" and "predictors" not in trained:
            raise ValueError("fill: prototype needs a phase that trains predictors")
        return self
