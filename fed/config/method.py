"""The schema of a method: a composition of named parts, one file each in `configs/methods`."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from fed.config.section import (
    Count,
    NotNegative,
    Number,
    Positive,
    PositiveShare,
    Section,
    Share,
)

Part = Literal["encoders", "heads", "predictors", "fusion"]
"""`encoders`; `heads`, the classifier of each encoder; `predictors` between the modalities;
`fusion`, both branches and the classifier."""
ServerOptimizer = Literal["fedavg", "fedavgm", "fedadam"]


class Phase(Section):
    """A run of rounds that trains some parts of the network, with all others frozen."""

    name: str
    trains: Annotated[tuple[Part, ...], Field(min_length=1)]
    share: PositiveShare = 1.0
    """Share of `training.rounds`. The shares of a method add up to 1, or to less: it then ends
    early. How long a phase is does not depend on what follows it, so that methods with the same
    first phase can share it."""
    epochs: Count = 1
    """Passes over the data a round, as a multiple of `training.local_epochs`."""
    lr: Positive = 1.0
    """Learning rate, as a multiple of `training.lr`."""
    batch: Count = 1
    """Batch size, as a multiple of `training.batch_size`."""


class Combine(Section):
    """How the updates of the sites become one model."""

    scheme: Literal["uniform", "by_module", "none"] = "by_module"
    """`uniform`: every site sends every parameter, weighted by its cases. `by_module`: each module
    is averaged over the sites that trained it, weighted by the cases behind it. `none`: each site
    goes on with its own model, and held-out scores are the mean over these models."""
    both_share: Share = 0.0
    """Least share of the weight that sites with both modalities have in predictors and fusion."""
    average_last: Count = 1
    """At the end of a phase the model is the mean of this many last rounds."""


class ServerStep(Section):
    """How the averaged update moves the global model (Reddi et al., ICLR 2021)."""

    optimizer: ServerOptimizer = "fedavg"
    """`fedavg`: the average replaces the model. `fedavgm`: with momentum. `fedadam`: Adam."""
    lr: Positive | None = None
    """Server learning rate; null: 1 for fedavg and fedavgm, 0.01 for fedadam."""
    momentum: Annotated[Number, Field(ge=0.0, lt=1.0)] = 0.9
    """Of fedavgm; decay of the first moment of fedadam."""
    second: Annotated[Number, Field(ge=0.0, lt=1.0)] = 0.99
    """Decay of the second moment of fedadam."""
    tau: Positive = 1.0e-3
    """Added to the root of fedadam's second moment: its degree of adaptivity."""

    @property
    def rate(self) -> float:
        """The server learning rate, its default filled in."""
        return self.lr or (0.01 if self.optimizer == "fedadam" else 1.0)


class Method(Section):
    """A federated method for incomplete modalities."""

    name: str
    summary: str = ""
    """One line for tables and reports."""
    pool: Literal["as_is", "complete"] | None = None
    """All training sites as one that holds their cases: `as_is`, or `complete`, with every image
    that exists, also those the sites do not own. null: a federation."""
    phases: Annotated[tuple[Phase, ...], Field(min_length=1)]
    fusion: Literal["asymmetric", "concat"] = "asymmetric"
    """`asymmetric`: RIMA's two branches. `concat`: two layers over both features side by side."""
    predictors: bool = True
    """Whether the network predicts one modality's features from the other's; without, what would
    be predicted is the mean."""
    plan: bool = True
    """Whether the fusion sees OCT features transported by the feature plan between the halves of
    the bank; needs class statistics."""
    standardise: bool = False
    """Ask sites for class statistics even if nothing else needs the bank. Wherever there are class
    statistics, features are standardised by their moments before alignment and fusion."""
    fill: Literal["none", "zero", "class_mean", "regression", "prototype"] = "zero"
    """What stands for a missing modality. `none`: nothing in training, where the fusion learns from
    cases with both alone; the predictor's output at test. `zero`: zeros (after standardising, the
    mean). `class_mean`: the mean of the case's class in training, zeros at test. `regression`: the
    predictor's output in training and at test. `prototype`: in training a virtual partner drawn
    around the bank's prototypes, at test the predictor's output."""
    align_both: Literal["none", "pairs", "labelled", "unlabelled", "random"] = "none"
    """What predictors learn from at sites with both modalities: the true `pairs`; partners drawn
    from the `labelled` or `unlabelled` transport coupling of a batch; `random` partners of the same
    class."""
    align_single: Literal["none", "labelled", "unlabelled", "random"] = "none"
    """The same at sites with one modality, whose partners are the bank's prototypes."""
    distance: Literal["cosine", "squared"] = "cosine"
    """What alignment minimises between a prediction and its partner."""
    loss: Literal["plain", "logit_adjusted"] = "plain"
    """`logit_adjusted`: cross-entropy with the site's own label prior added to the logits."""
    other_devices: bool = False
    """Whether training images also take the look of other cameras and scanners (needs
    `training.augment`)."""
    modality_dropout: bool = False
    """Whether the fusion also trains on each modality alone."""
    proximal: NotNegative = 0.0
    """FedProx: weight mu of the squared distance to the global model."""
    distil: NotNegative = 0.0
    """Weight of the distillation of each head from the fusion, at cases with both modalities."""
    contrast: NotNegative = 0.0
    """Weight of the contrast of encoder features with the class means of the bank."""
    corrects_experts: bool = False
    """Whether the fusion's logits are added to the log-probabilities of the product of the experts,
    in training and at test: it then learns only what the experts do not know together."""
    predict: Literal["fusion", "experts", "product", "fusion_if_both"] = "fusion"
    """Who answers at test: the fusion, the product of the experts (the encoders' heads), the
    product of fusion and experts, or the fusion for a case with both modalities and the expert for
    a case with one."""
    combine: Combine = Combine()
    server: ServerStep = ServerStep()
    clusters: Count = 4
    """Clusters a class and modality in a site's class statistics."""
    prototypes: Count = 8
    """Prototypes a class and modality in the server's bank."""

    @property
    def arrangement(self) -> Literal["federated", "pooled", "apart"]:
        """Who trains with whom: sites by exchange, all their cases at one, or each site alone."""
        if self.pool is not None:
            return "pooled"
        return "apart" if self.combine.scheme == "none" else "federated"

    @property
    def fills_from_bank(self) -> bool:
        """Whether cases that lack a modality train against the bank's prototypes of it."""
        return self.fill in ("class_mean", "prototype") or self.align_single != "none"

    @property
    def trains_on_one(self) -> bool:
        """Whether predictors and fusion learn from cases with one modality, too."""
        return self.fill != "none" or self.align_single != "none"

    @property
    def uses_bank(self) -> bool:
        """Whether sites send class statistics and the server keeps a bank of prototypes."""
        return self.fills_from_bank or self.contrast > 0 or self.standardise

    @model_validator(mode="after")
    def _answers_are_trained(self) -> "Method":
        trained = {part for phase in self.phases for part in phase.trains}
        if self.predict != "fusion" and "heads" not in trained:
            raise ValueError(f"predict: {self.predict} needs a phase that trains heads")
        if self.corrects_experts and "heads" not in trained:
            raise ValueError("corrects_experts: needs a phase that trains heads")
        if self.predict != "experts" and "fusion" not in trained:
            raise ValueError(f"predict: {self.predict} needs a phase that trains fusion")
        predicted = self.fill in ("regression", "prototype") and self.predictors
        if predicted and "predictors" not in trained:
            raise ValueError(f"fill: {self.fill} needs a phase that trains predictors")
        if self.fill == "regression" and not self.predictors:
            raise ValueError("fill: regression needs predictors: true")
        if "predictors" in trained and not self.predictors:
            raise ValueError("predictors: false, but a phase trains them")
        if self.distil and not any({"heads", "fusion"} <= set(p.trains) for p in self.phases):
            raise ValueError("distil: needs a phase that trains heads and fusion together")
        if self.contrast and not any({"encoders", "fusion"} <= set(p.trains) for p in self.phases):
            raise ValueError("contrast: needs a phase that trains encoders and fusion together")
        return self

    @model_validator(mode="after")
    def _apart_is_without_exchange(self) -> "Method":
        if self.combine.scheme == "none" and self.uses_bank:
            raise ValueError(
                "combine.scheme: none leaves every site alone; fill, align_single, contrast and "
                "standardise must not need the bank"
            )
        return self

    @model_validator(mode="after")
    def _phases_fit(self) -> "Method":
        for phase in self.phases:
            if "encoders" in phase.trains and not {"heads", "fusion"} & set(phase.trains):
                raise ValueError(
                    f"phases: {phase.name} trains encoders, which learn through heads or fusion "
                    "only; name one of them in trains"
                )
        names = [phase.name for phase in self.phases]
        if len(set(names)) < len(names):
            raise ValueError("phases: names must differ from each other")
        shares = sum(phase.share for phase in self.phases)
        if shares > 1 + 1e-9:
            raise ValueError(f"phases: the shares add up to {shares:g}; at most 1 is allowed")
        return self
