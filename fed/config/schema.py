"""The schema of a configuration file; every key is documented where it is defined.

All models are frozen and refuse unknown keys. `fed.config.loading` turns a refusal into one line.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from fed.config.attack import Attack
from fed.config.clock import STATISTICS, Clock
from fed.config.data import Data, numbers
from fed.config.groups import Dirichlet, SiteGroup
from fed.config.judged import Judged
from fed.config.judging import Equipment, Sets, Triage
from fed.config.method import Method
from fed.config.model import Model
from fed.config.onboarding import Onboarding
from fed.config.privacy import Privacy, check_budget
from fed.config.section import (
    Count,
    NotNegative,
    Number,
    Positive,
    PositiveShare,
    Section,
    Whole,
)
from fed.config.study import Study
from fed.errors import nearest
from fed.parts import PartKey
from fed.sites import CONDITIONS, MODALITIES, NEEDED_BY, Condition, Modality


class Task(Section):
    """What is graded."""

    classes: Annotated[tuple[str, ...], Field(min_length=2)] = (
        "healthy",
        "early",
        "intermediate",
        "late",
    )
    """Names of the grades, mildest first. Data labels are these names or their positions."""

    @field_validator("classes")
    @classmethod
    def _distinct(cls, classes: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(classes)) < len(classes):
            raise ValueError("class names must differ from each other")
        return classes


class Training(Section):
    """What a site does with its data in each round."""

    rounds: Count = 20
    """Federated rounds in all, shared out over the phases of the method."""
    local_epochs: Count = 1
    """Passes over the site's cases a round."""
    batch_size: Annotated[Whole, Field(ge=2)] = 32
    lr: Positive = 0.001
    """Learning rate at the start of each phase."""
    optimizer: Literal["adamw", "sgd"] = "adamw"
    schedule: Literal["constant", "cosine"] = "cosine"
    """Course of the learning rate over the rounds of a phase."""
    weight_decay: NotNegative = 1.0e-5
    augment: bool = True
    """Flip, shift and vary the device style of the training images."""
    accumulate: Count = 1
    """Parts that a batch is encoded in where encoders train, to fit a smaller memory; gradients
    add up over the parts. BatchNorm and couplings see a part at a time."""
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    """Of the encoders' arithmetic (autocast), in training and at test; weights, heads, fusion,
    transport and losses stay in 32 bits. `fp16` scales the loss, and counts steps it skips."""
    checkpointing: bool = False
    """Compute the insides of the encoders' blocks again in the backward pass instead of storing
    them: less memory for about a third more time. For `model.scale` medium and paper."""


class Server(Section):
    """What the coordinator does."""

    fraction: PositiveShare = 1.0
    """Share of the available training sites that takes part in a round."""
    min_sites: Count = 1
    """With fewer answers in a round, the run stops with exit code 3 and its state kept."""
    checkpoints: Count = 3
    """Rounds that a run can go back to (`--resume DIR --from-round N`): as many states are kept."""
    deadline_s: Positive | None = None
    """Seconds by the clock on the wall that an exchange may wait for its sites, against those that
    hang; null: as long as they take. For sites with slow equipment see `clock.deadline_s`."""
    optimizer: Annotated[Any, PartKey("server_optimizer")] = None
    """How the reduced update moves the global model; null: as the method says."""
    updates: Literal["float32", "float16"] = "float32"
    """What sites send back: their weights, or the change of their weights in 16 bits, which is
    half of the bytes."""


class Evaluation(Section):
    """How the global model is judged."""

    every: Count = 5
    """Rounds between evaluations; the last round is always evaluated."""
    conditions: tuple[Condition, ...] = CONDITIONS
    """What the model is given at a held-out site; empty: nobody judges it. A federation of one
    modality has that one alone."""
    bootstrap: Annotated[Whole, Field(ge=0)] = 1000
    """Resamples behind every 95 % interval, of held-out sites and, within them, patients; 0: no
    intervals."""
    headline: str = "auc"
    """The metric that reports lead with, and by which a run is followed."""
    tables: tuple[str, ...] = ("qwk", "balanced_accuracy", "ece")
    """Metrics shown beside the headline wherever there is no room for all."""
    metrics: tuple[str, ...] = ()
    """Metrics of one's own beside those that there are, as `package.module:Class`."""
    operating_sensitivity: PositiveShare = 0.9
    """Of two classes: the share of ill eyes that the threshold of a yes-or-no answer is to find. It
    is chosen on validation splits, and where there are none on the held-out cases."""
    validation: Annotated[Number, Field(ge=0.0, le=0.5)] = 0.0
    """Share of each training site's patients kept from training, to make choices on."""
    keep: Literal["last", "best"] = "last"
    """The model of which round is the run's: the `last`, or that of the last phase which was `best`
    by the headline on the validation splits, among the rounds that were scored (`every`)."""
    patience: Count | None = None
    """With `keep: best`: training stops after so many scored rounds in a row that are no better than
    the best before; null: all rounds are trained."""
    onboarding: Onboarding | None = None
    """Adaptation of held-out sites to archives of their own; null: they judge on all cases."""
    triage: Triage | None = Triage()
    """Which eyes with one image need the other; null: not computed."""
    sets: Sets | None = None
    """Prediction sets; null: none, since a hospital must grade eyes of its own for them."""
    equipment: Equipment | None = None
    """What the other camera would be worth to sites that own one; null: not asked."""
    subgroups: tuple[str, ...] = ()
    """Columns of a manifest, or attributes of a collection, by whose groups held-out scores are told
    too. Their values are sent with the scores."""

    @model_validator(mode="after")
    def _best_has_something_to_choose_on(self) -> "Evaluation":
        if self.keep == "best" and not (self.validation and self.conditions):
            raise ValueError(
                "evaluation.keep: best needs evaluation.validation above 0, the share of each "
                "training site's patients to choose on, and conditions; allowed without: last"
            )
        if self.keep == "last" and self.patience is not None:
            raise ValueError(
                "evaluation.patience: goes with evaluation.keep: best, the round that none has been "
                "better than; allowed with last: null"
            )
        return self

    @property
    def shown(self) -> tuple[str, ...]:
        """The headline and the metrics beside it."""
        return tuple(dict.fromkeys((self.headline, *self.tables)))

    @field_validator("subgroups")
    @classmethod
    def _columns_differ(cls, columns: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(columns)) < len(columns):
            raise ValueError("columns must differ from each other")
        return columns

    @field_validator("conditions")
    @classmethod
    def _distinct(cls, conditions: tuple[Condition, ...]) -> tuple[Condition, ...]:
        if len(set(conditions)) < len(conditions):
            raise ValueError("conditions must differ from each other")
        return conditions


class Engine(Section):
    """Where the sites of a simulation run."""

    name: Literal["auto", "inline", "ray"] = "auto"
    """`inline`: one after the other in this process; `ray`: in parallel, on one machine or many;
    `auto`: the one of them that finishes first here. The bytes are the same."""
    workers: Count | None = None
    """Ray workers; null: one a core."""
    gpus_per_worker: NotNegative = 0.0
    address: str | None = None
    """An existing Ray cluster; null: start one on this machine."""


class Config(Section):
    """A federation, complete."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")] = "demo"
    seed: Annotated[Whole, Field(ge=0)] = 0
    task: Task = Task()
    data: Data = Data()
    sites: Annotated[tuple[SiteGroup, ...], Field(min_length=1)]
    model: Model = Model()
    method: Method
    training: Training = Training()
    server: Server = Server()
    start: str | None = None
    """Folder of a finished run to go on from: its phases are the first ones of this method, and
    its configuration agrees with this one in all that they depend on."""
    judge: Judged | None = None
    """A finished model to judge; nothing is trained then. `fedrima judge` fills it in."""
    clock: Clock | None = None
    """Virtual time; null: none is kept."""
    privacy: Privacy = Privacy()
    attack: Attack | None = None
    """Training sites that do harm, in a simulation; null: none."""
    evaluation: Evaluation = Evaluation()
    engine: Engine = Engine()
    trackers: tuple[Annotated[Any, PartKey("tracker")], ...] = ()
    """Who is told of the course of the run, beside its own files."""
    study: Study | None = None
    """Many runs in one."""

    @field_validator("sites")
    @classmethod
    def _drop_empty_groups(cls, sites: tuple[SiteGroup, ...]) -> tuple[SiteGroup, ...]:
        return tuple(group for group in sites if group.count)

    def __hash__(self) -> int:
        """Return the same for equal configurations, so that what is made of one can be kept."""
        return hash((self.name, self.seed, self.method.name))

    @property
    def server_optimizer(self) -> Any:
        """What moves the global model: `server.optimizer`, or the method's own."""
        asked = self.server.optimizer
        return self.method.server_optimizer if asked is None else asked

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """The modalities that some training site owns; of others nobody can learn."""
        if self.judge is not None:
            return self.judge.modalities
        return tuple(
            modality
            for modality in MODALITIES
            if any(g.role == "train" and g.ownership[modality] for g in self.sites)
        )

    @property
    def solves_on_frozen(self) -> bool:
        """Whether phases take the form that they have on features (`Phase.on_frozen`)."""
        frozen = all(modality in self.model.frozen for modality in self.modalities)
        return frozen and self.privacy.epsilon is None

    @model_validator(mode="after")
    def _names_differ(self) -> "Config":
        names = [group.name for group in self.sites]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"sites: two groups are named {twice!r}; names must differ")
        return self

    @model_validator(mode="after")
    def _federation_is_complete(self) -> "Config":
        purposes = {} if self.judge is not None else {"train": "to train on"}
        if self.evaluation.conditions:
            purposes["held_out"] = "to judge the model on"
        for role, purpose in purposes.items():
            if not any(group.role == role for group in self.sites):
                raise ValueError(
                    f"sites: no group has role {role}; at least one is needed {purpose}"
                )
        return self

    @model_validator(mode="after")
    def _conditions_can_be_met(self) -> "Config":
        """Leave the conditions that need a modality which nobody trains, unless asked for."""
        known = self.modalities
        met = tuple(c for c in self.evaluation.conditions if set(NEEDED_BY[c]) <= set(known))
        if met == self.evaluation.conditions:
            return self
        if self.evaluation.conditions != CONDITIONS:
            missing = next(c for c in self.evaluation.conditions if c not in met)
            raise ValueError(
                f"evaluation.conditions: {missing} needs a modality that no training group owns; "
                f"allowed: {', '.join(known)}"
            )
        evaluation = self.evaluation.model_copy(update={"conditions": met})
        object.__setattr__(self, "evaluation", evaluation)
        return self

    @model_validator(mode="after")
    def _proportions_fit_classes(self) -> "Config":
        for group in self.sites:
            given = group.labels.around if isinstance(group.labels, Dirichlet) else group.labels
            if isinstance(given, tuple) and len(given) != len(self.task.classes):
                raise ValueError(
                    f"sites.{group.name}.labels: {len(given)} proportions for "
                    f"{len(self.task.classes)} classes; give one number a class"
                )
            if isinstance(group.labels, tuple) and sum(group.labels) <= 0:
                raise ValueError(f"sites.{group.name}.labels: proportions must not all be 0")
        return self

    @model_validator(mode="after")
    def _mix_fits_classes(self) -> "Config":
        triage, classes = self.evaluation.triage, len(self.task.classes)
        if triage is not None and triage.mix is not None and len(triage.mix) != classes:
            raise ValueError(
                f"evaluation.triage.mix: {len(triage.mix)} shares for {classes} classes; give one "
                "number a class"
            )
        return self

    @model_validator(mode="after")
    def _federated_sets_have_validation_splits(self) -> "Config":
        sets = self.evaluation.sets
        if sets is not None and sets.calibrate == "federated" and not self.evaluation.validation:
            raise ValueError(
                "evaluation.sets.calibrate: federated needs evaluation.validation above 0, the share "
                "of each training site's patients to calibrate on"
            )
        return self

    @model_validator(mode="after")
    def _choices_have_validation_splits(self) -> "Config":
        study = self.study
        if study is not None and study.select and not self.evaluation.validation:
            raise ValueError(
                "study.select: validation needs evaluation.validation above 0, the share of each "
                "training site's patients to choose on"
            )
        return self

    @model_validator(mode="after")
    def _encoders_of_the_method(self) -> "Config":
        if self.method.encoders is not None:
            model = self.model.model_copy(update={"encoders": self.method.encoders})
            object.__setattr__(self, "model", model)
        return self

    def data_of(self, group: SiteGroup) -> Data:
        """Return where a group's eyes come from: a source of its own, or that of the federation."""
        return self.data if group.data is None else group.data.over(self.data)

    @model_validator(mode="after")
    def _real_sources_have_a_path(self) -> "Config":
        for group in self.sites:
            own, data = group.data, self.data_of(group)
            if not data.real:
                if own is not None and own.path is not None:
                    raise ValueError(
                        f"sites.{group.name}.data.path: phantom eyes are drawn, not read; give its "
                        "source, too"
                    )
                continue
            if own is not None and own.source is not None and own.path is None:
                raise ValueError(f"sites.{group.name}.data.path is needed beside its source")
            if data.path is None:
                raise ValueError(f"data.path is needed where data.source is {data.source}")
        return self

    @model_validator(mode="after")
    def _only_phantoms_have_versions(self) -> "Config":
        if self.data.version != 1 and all(self.data_of(group).real for group in self.sites):
            raise ValueError("data.version: real eyes are read, not drawn; only 1")
        return self

    @model_validator(mode="after")
    def _labels_are_classes(self) -> "Config":
        for group in self.sites:
            data = self.data_of(group)
            key = "data" if group.data is None else f"sites.{group.name}.data"
            allowed = numbers(self.task.classes)
            unknown = [name for name in (data.labels or {}).values() if name not in allowed]
            if unknown:
                raise ValueError(
                    f"{key}.labels: {unknown[0]!r} is no class{nearest(unknown[0], list(allowed))}"
                )
            if data.labels and not data.real:
                raise ValueError(f"{key}.labels: phantom eyes are drawn by class; only null")
        return self

    @model_validator(mode="after")
    def _learned_pooling_is_trained(self) -> "Config":
        trains = any("encoders" in phase.trains for phase in self.method.phases)
        trained = trains and "oct" not in self.model.frozen
        if trained or self.judge is not None or not self.model.encoder_parts[1].learns_pooling:
            return self
        why = "model.frozen.oct is there" if trains else f"{self.method.name} trains no encoder"
        raise ValueError(
            "model.encoders.oct.slices: attention has to be trained with the encoder that it belongs "
            f"to, and {why}; stored features are of whole volumes. Allowed: slices: mean, or a method "
            "that trains encoders, without model.frozen.oct"
        )

    @model_validator(mode="after")
    def _frozen_encoders_have_files_to_read(self) -> "Config":
        if self.model.frozen and not all(self.data_of(group).real for group in self.sites):
            raise ValueError("model.frozen: features are of real images; phantom eyes are drawn")
        return self

    @model_validator(mode="after")
    def _checkpointing_has_blocks(self) -> "Config":
        blocks = [part.recomputes for part in self.model.encoder_parts]
        if self.training.checkpointing and not all(blocks):
            raise ValueError(
                "training.checkpointing: the encoders of model.scale small have no blocks to "
                "compute again; allowed with medium, paper"
            )
        return self

    @model_validator(mode="after")
    def _patients_stay_apart(self) -> "Config":
        if self.privacy.epsilon is not None:
            check_budget(self)
        return self

    @model_validator(mode="after")
    def _attackers_train(self) -> "Config":
        if self.attack is None:
            return self
        training = [n for group in self.sites if group.role == "train" for n in group.site_names]
        unknown = [name for name in self.attack.sites if name not in training]
        if unknown:
            raise ValueError(
                f"attack.sites: no training site {unknown[0]!r}{nearest(unknown[0], training)}"
            )
        if self.method.pool is not None:
            raise ValueError("attack: method.pool leaves no site to attack; allowed with it: null")
        return self

    @model_validator(mode="after")
    def _variates_are_of_plain_gradients(self) -> "Config":
        if self.method.keeps_variates and self.training.precision == "fp16":
            raise ValueError(
                "training.precision: fp16 scales gradients, of which method.terms keeps the mean "
                "(control_variates); allowed with it: fp32, bf16"
            )
        return self

    @model_validator(mode="after")
    def _every_phase_has_a_round(self) -> "Config":
        if self.training.rounds < len(self.method.phases):
            raise ValueError(
                f"training.rounds: {self.training.rounds} rounds for the "
                f"{len(self.method.phases)} phases of {self.method.name}; "
                "at least one round a phase is needed"
            )
        return self

    @property
    def asks_for_statistics(self) -> bool:
        """Whether sites are asked for class statistics in the run."""
        return self.method.uses_bank or self.evaluation.onboarding is not None

    @model_validator(mode="after")
    def _clock_knows_every_phase(self) -> "Config":
        if self.clock is None:
            return self
        seconds_per_case = self.clock.seconds_per_case
        if seconds_per_case is None:
            if self.clock.deadline_s is not None:
                raise ValueError(
                    "clock.deadline_s: give clock.seconds_per_case, too; measured anew in each "
                    "run, it would let the machine decide whose work counts"
                )
            return self
        needed = [phase.name for phase in self.method.phases]
        needed += [STATISTICS] if self.asks_for_statistics else []
        missing = [name for name in needed if name not in seconds_per_case]
        if missing:
            raise ValueError(
                f"clock.seconds_per_case: {missing[0]} is missing; {self.method.name} needs "
                f"{', '.join(needed)}"
            )
        return self
