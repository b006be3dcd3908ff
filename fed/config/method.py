"""The schema of a method: a composition of named parts, one file each in `configs/methods`."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from fed.config.section import Count, Positive, PositiveShare, Section, Share

Part = Literal["encoders", "heads", "predictors", "fusion"]
"""`encoders`; `heads`, the classifier of each encoder; `predictors` between the modalities;
`fusion`, both branches and the classifier."""


class Phase(Section):
    """A run of rounds that trains some parts of the network, with all others frozen."""

    name: str
    trains: Annotated[tuple[Part, ...], Field(min_length=1)]
    share: PositiveShare = 1.0
    """Share of `training.rounds`."""
    epochs: Count = 1
    """Passes over the data a round, as a multiple of `training.local_epochs`."""
    lr: Positive = 1.0
    """Learning rate, as a multiple of `training.lr`."""
    batch: Count = 1
    """Batch size, as a multiple of `training.batch_size`."""


class Combine(Section):
    """How the updates of the sites become one model."""

    scheme: Literal["uniform", "by_module"] = "by_module"
    """`uniform`: every site sends every parameter, weighted by its cases. `by_module`: each module
    is averaged over the sites that trained it, weighted by the cases behind it."""
    both_share: Share = 0.0
    """Least share of the weight that sites with both modalities have in predictors and fusion."""
    average_last: Count = 1
    """At the end of a phase the model is the mean of this many last rounds."""


class Method(Section):
    """A federated method for incomplete modalities."""

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
    clusters: Count = 4
    """Clusters a class and modality in a site's class statistics."""
    prototypes: Count = 8
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
        for phase in self.phases:
            if "encoders" in phase.trains and not {"heads", "fusion"} & set(phase.trains):
                raise ValueError(
                    f"phases: {phase.name} trains encoders, which learn through heads or fusion "
                    "only; name one of them in trains"
                )
        names = [phase.name for phase in self.phases]
        if len(set(names)) < len(names):
            raise ValueError("phases: names must differ from each other")
        return self
