"""The schema of a method: a composition of named parts, one file each in `configs/methods`."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from fed.config.model import Encoders
from fed.config.section import Count, Positive, PositiveShare, Section
from fed.parts import Need, PartKey

NetworkPart = Literal["encoders", "heads", "predictors", "fusion"]
"""`encoders`; `heads`, the classifier of each encoder; `predictors` between the modalities;
`fusion`, both branches and the classifier."""


CLOSED_FORMS = (("heads",), ("heads", "fusion"), ("heads", "predictors", "fusion"))
"""What a phase can solve for."""


class ClosedForm(Section):
    """Heads solved at the server from sums that sites send once (`model.closed_form`)."""

    ridge: Positive | None = None
    """As a multiple of the mean variance of a feature; null: chosen by leaving out each group of
    sites in turn, from the same sums."""


class Phase(Section):
    """A run of rounds that trains some parts of the network, with all others frozen."""

    name: str
    trains: Annotated[tuple[NetworkPart, ...], Field(min_length=1)]
    share: PositiveShare = 1.0
    """Share of `training.rounds`. The shares of a method add up to 1, or to less: it then ends
    early. How long a phase is does not depend on what follows it, so that methods with the same
    first phase can start from the same state."""
    epochs: Count = 1
    """Passes over the data a round, as a multiple of `training.local_epochs`."""
    lr: Positive = 1.0
    """Learning rate, as a multiple of `training.lr`."""
    batch: Count = 1
    """Batch size, as a multiple of `training.batch_size`."""
    solve: ClosedForm | None = None
    """Heads in closed form, in one round whatever `share` says, on the encoders as they are; null:
    trained by gradients."""
    on_frozen: ClosedForm | None = None
    """What a phase that trains encoders and heads becomes where every encoder is frozen
    (`model.frozen`), so that heads alone are left to learn: `solve`, with this. With
    `privacy.epsilon`, and with null, the heads are trained by gradients there, too."""

    @model_validator(mode="after")
    def _only_heads_are_solved(self) -> "Phase":
        if self.solve is not None and self.trains not in CLOSED_FORMS:
            raise ValueError(
                "solve: only heads and what is linear have a closed form; allowed: trains: [heads], "
                "with fusion: linear [heads, fusion], with predictors: one_layer, too, "
                "[heads, predictors, fusion]"
            )
        return self

    @model_validator(mode="after")
    def _only_heads_are_left_on_frozen(self) -> "Phase":
        if self.on_frozen is not None and not {"heads"} <= set(self.trains) <= {
            "encoders",
            "heads",
        }:
            raise ValueError(
                "on_frozen: solves for the heads that frozen encoders leave to learn; allowed: "
                "trains: [encoders, heads]"
            )
        return self

    def on_features(self) -> "Phase":
        """Return the phase as it is on features, with no encoder to train."""
        if self.on_frozen is None:
            return self
        heads = {"name": "heads", "trains": ("heads",), "solve": self.on_frozen}
        return self.model_copy(update=heads)

    @property
    def solves_joint(self) -> bool:
        """Whether the head over both modalities is solved, which takes sums across them."""
        return self.solve is not None and "fusion" in self.trains

    @property
    def joins(self) -> bool:
        """Whether the phase trains what joins the modalities: predictors or fusion."""
        return bool({"predictors", "fusion"} & set(self.trains))


class Align(Section):
    """What the predictors between the modalities learn from."""

    both: Annotated[Any, PartKey("partners")] = None
    """Partners at sites with both modalities, among the cases of a batch; null: no alignment."""
    single: Annotated[Any, PartKey("partners")] = None
    """Partners at sites with one modality, among the bank's prototypes; null: no alignment."""
    distance: Literal["cosine", "squared"] = "cosine"
    """What alignment minimises between a prediction and its partner."""

    @property
    def any(self) -> bool:
        """Whether predictors align anywhere."""
        return self.both is not None or self.single is not None

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, given: Any) -> Any:
        """Read `align: labelled` as the same partners at both kinds of sites."""
        alike = isinstance(given, str) or (isinstance(given, dict) and "use" in given)
        return {"both": given, "single": given} if alike else given

    @model_validator(mode="after")
    def _prototypes_can_be_partners(self) -> "Align":
        if self.single is not None and not self.single.in_bank:
            raise ValueError(
                "single: sites with one modality find their partners in the bank, and these are "
                "found among the cases of a site alone"
            )
        return self


class Method(Section):
    """A federated method for incomplete modalities."""

    name: str
    summary: str = ""
    """One line for tables and reports."""
    pool: Literal["as_is", "complete"] | None = None
    """All training sites as one that holds their cases: `as_is`, or `complete`, with every image
    that exists, also those the sites do not own. null: a federation."""
    encoders: Encoders | None = None
    """Encoders that belong to the method, in the place of `model.encoders`; null: those stay."""
    phases: Annotated[tuple[Phase, ...], Field(min_length=1)]
    fusion: Annotated[Any, PartKey("fusion")] = Field("asymmetric", validate_default=True)
    """How the features of both modalities become one answer."""
    predictors: bool | Literal["one_layer"] = True
    """Whether the network predicts one modality's features from the other's, with two layers or
    `one_layer`; without, what would be predicted is the mean."""
    plan: bool = True
    """Whether the fusion sees OCT features transported by the feature plan between the halves of
    the bank; needs class statistics."""
    standardise: bool = False
    """Ask sites for class statistics even if nothing else needs the bank. Wherever there are class
    statistics, features are standardised by their moments before alignment and fusion."""
    fill: Annotated[Any, PartKey("fill")] = Field("zero", validate_default=True)
    """Imputation: what stands for a missing modality."""
    align: Align = Align()
    """What predictors learn to land on: partners, the same at all sites (`align: labelled`), or
    {both, single, distance}."""
    loss: Annotated[Any, PartKey("loss")] = Field("plain", validate_default=True)
    """The classification loss of heads and fusion."""
    terms: tuple[Annotated[Any, PartKey("term")], ...] = ()
    """Further terms of the local objective."""
    other_devices: bool = False
    """Whether training images also take the look of other cameras and scanners (needs
    `training.augment`)."""
    modality_dropout: bool = False
    """Whether the fusion also trains on each modality alone."""
    corrects_experts: bool = False
    """Whether the fusion's logits are added to the log-probabilities of the product of the experts,
    in training and at test: it then learns only what the experts do not know together."""
    predict: Literal["fusion", "experts", "product", "fusion_if_both"] = "fusion"
    """Who answers at test: the fusion, the product of the experts (the encoders' heads), the
    product of fusion and experts, or the fusion for a case with both modalities and the expert for
    a case with one."""
    send: Literal["trained", "everything", "nothing"] = "trained"
    """What of the network travels. `trained`: each site receives the modules of its modalities and
    sends those that it trained. `everything`: every site receives and sends every module that the
    phase trains. `nothing`: each site goes on with its own model, and held-out scores are the mean
    over these models."""
    own_normalisation: bool = False
    """Whether each site goes on with its own batch normalisation: scale, shift and running
    statistics (FedBN). Unseen sites are given the mean."""
    weight: Annotated[Any, PartKey("weight")] = Field("by_cases", validate_default=True)
    """What a site's update of a module weighs."""
    reduce: Annotated[Any, PartKey("reduce")] = Field("norm_bounded", validate_default=True)
    """How the updates of a module become one. The default is the mean, unless a site's change is
    far longer than the other sites'."""
    average_last: Count = 1
    """At the end of a phase the model is the mean of this many last rounds."""
    server_optimizer: Annotated[Any, PartKey("server_optimizer")] = Field(
        "fedavg", validate_default=True
    )
    """How the reduced update moves the global model (Reddi et al., ICLR 2021)."""
    clusters: Count = 4
    """Clusters a class and modality in a site's class statistics."""
    prototypes: Count = 8
    """Prototypes a class and modality in the server's bank."""

    def on_features(self) -> "Method":
        """Return the method as it is on features, with no encoder to train."""
        return self.model_copy(update={"phases": tuple(p.on_features() for p in self.phases)})

    @property
    def arrangement(self) -> Literal["federated", "pooled", "apart"]:
        """Who trains with whom: sites by exchange, all their cases at one, or each site alone."""
        if self.pool is not None:
            return "pooled"
        return "apart" if self.keeps_own_models else "federated"

    @property
    def solves_joint(self) -> bool:
        """Whether some phase solves for the head over both modalities."""
        return any(phase.solves_joint for phase in self.phases)

    @property
    def keeps_own_models(self) -> bool:
        """Whether each site goes on with its own model."""
        return self.send == "nothing"

    @property
    def sends_everything(self) -> bool:
        """Whether every site receives and sends every module that a phase trains."""
        return self.send == "everything"

    @property
    def completes_from_bank(self) -> bool:
        """Whether cases that lack a modality train against the bank's prototypes of it."""
        return Need.PROTOTYPES in self.fill.needs or self.align.single is not None

    @property
    def trains_on_one(self) -> bool:
        """Whether predictors and fusion learn from cases with one modality, too."""
        return not self.fill.only_both or self.align.single is not None

    @property
    def uses_bank(self) -> bool:
        """Whether sites send class statistics and the server keeps a bank of prototypes."""
        asked = any(Need.PROTOTYPES in term.needs for term in self.terms)
        return self.completes_from_bank or asked or self.standardise or self.asks_for_pairs

    @property
    def asks_for_pairs(self) -> bool:
        """Whether sites send cross-covariances of linked pairs with their class statistics."""
        partners = (self.align.both, self.align.single)
        return any(Need.ANCHORS in part.needs for part in partners if part is not None)

    @property
    def keeps_variates(self) -> bool:
        """Whether sites send their mean gradients and the server keeps them between rounds."""
        return any(Need.CONTROL_VARIATES in term.needs for term in self.terms)

    @property
    def keeps_final_bank(self) -> bool:
        """Whether the bank of the last round is of the encoders of the last round."""
        return self.uses_bank and "encoders" not in self.phases[-1].trains

    def trains_with_prototypes(self, phase: Phase) -> bool:
        """Return whether some term of the phase holds cases against prototypes of what they have."""
        return any(
            Need.PROTOTYPES in term.needs and term.with_parts <= set(phase.trains)
            for term in self.terms
        )

    @property
    def _needs(self) -> Iterator[tuple[str, frozenset[Need]]]:
        yield "fill", self.fill.needs
        for term in self.terms:
            yield "terms", term.needs

    @model_validator(mode="after")
    def _answers_are_trained(self) -> "Method":
        trained = {part for phase in self.phases for part in phase.trains}
        if self.predict != "fusion" and "heads" not in trained:
            raise ValueError(f"predict: {self.predict} needs a phase that trains heads")
        if self.corrects_experts and "heads" not in trained:
            raise ValueError("corrects_experts: needs a phase that trains heads")
        if self.predict != "experts" and "fusion" not in trained:
            raise ValueError(f"predict: {self.predict} needs a phase that trains fusion")
        if "predictors" in trained and not self.predictors:
            raise ValueError("predictors: false, but a phase trains them")
        return self

    @model_validator(mode="after")
    def _parts_have_what_they_need(self) -> "Method":
        trained = {part for phase in self.phases for part in phase.trains}
        for key, needs in self._needs:
            if Need.PREDICTORS in needs and not self.predictors:
                raise ValueError(f"{key}: needs predictors: true")
            asks = Need.PREDICTORS in needs or (Need.PREDICTORS_IF_ANY in needs and self.predictors)
            if asks and "predictors" not in trained:
                raise ValueError(f"{key}: needs a phase that trains predictors")
        for term in self.terms:
            if not any(term.with_parts <= set(phase.trains) for phase in self.phases):
                together = " and ".join(sorted(term.with_parts))
                raise ValueError(f"terms: needs a phase that trains {together} together")
        return self

    @model_validator(mode="after")
    def _a_cap_knows_all_weights(self) -> "Method":
        if self.weight.cap < 1 and self.reduce.streams:
            raise ValueError(
                "weight: cap needs a reduce that holds all updates of a round, such as norm_bounded"
            )
        return self

    @model_validator(mode="after")
    def _apart_is_without_exchange(self) -> "Method":
        if self.keeps_own_models and self.uses_bank:
            raise ValueError(
                "send: nothing leaves every site alone; fill, align.single, terms and standardise "
                "must not need the bank"
            )
        return self

    @model_validator(mode="after")
    def _nothing_more_is_kept_apart(self) -> "Method":
        if self.keeps_own_models and (self.keeps_variates or self.own_normalisation):
            raise ValueError(
                "send: nothing leaves every site alone; neither control variates nor "
                "own_normalisation have a meaning then"
            )
        return self

    @model_validator(mode="after")
    def _solving_is_an_exchange(self) -> "Method":
        if self.keeps_own_models and any(phase.solve for phase in self.phases):
            raise ValueError("send: nothing leaves every site alone; no phase may solve then")
        return self

    @model_validator(mode="after")
    def _what_is_solved_is_linear(self) -> "Method":
        if self.solves_joint and not self.fusion.closed_form:
            raise ValueError("fusion: a phase solves for it; allowed: linear")
        solved = any(phase.solve and "predictors" in phase.trains for phase in self.phases)
        if solved and self.predictors != "one_layer":
            raise ValueError("predictors: a phase solves for them; allowed: one_layer")
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
