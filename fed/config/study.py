"""The schema of a study: many runs of one federation, compared."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from fed.config.refusal import shown
from fed.config.section import Positive, Section, Whole

TUNING_SEEDS = range(5)
"""Seeds that choices are made on; results are reported on others."""
FIRST_RESULT_SEED = 100
"""From here on no choice has ever looked at a seed."""

MARGIN = 0.005
"""Half a point of AUC, less than which nobody would choose a method for."""

ONLY = "as configured"
"""The setting of a study that varies nothing."""

Level = Mapping[str, Any]
"""Keys of the configuration, and what they are set to."""


class Endpoint(Section):
    """The one comparison that a study is for, stated before its runs; all others are secondary."""

    method: str
    against: str
    metric: str = "auc"
    """Of all held-out cases, averaged over the conditions."""
    over_settings: bool = False
    """Whether the settings are draws of one question, such as sources left out in turn: then the
    endpoint is their mean, and not one a setting."""
    margin: Positive = MARGIN
    """Two methods are called equivalent where they differ by less than this, beyond doubt."""


class Study(Section):
    """Methods x seeds x settings, each combination a run in a folder of its own."""

    title: str = ""
    """What the study asks, in one sentence, for the top of its page."""
    methods: tuple[str | Mapping[str, Any], ...] = ()
    """Names from `configs/methods/`, files of one's own (`mine.yaml`), or the mappings themselves,
    which need a name; empty: only the configuration's own `method`."""
    seeds: Annotated[tuple[Annotated[Whole, Field(ge=0)], ...], Field(min_length=1)]
    """A run each; differences are paired by them. Choices on 0 to 4, results on 100 and up."""
    vary: Mapping[str, tuple[Any, ...] | Mapping[str, Level]] = {}
    """What is varied: {KEY: [values]}, with dotted keys as in --set; or, where several keys go
    together, {NAME: {LABEL: {KEY: value, ...}, ...}}. Of several, every combination is run."""
    tuned: Mapping[str, Mapping[str, Level]] = {}
    """What was chosen for each method alone, {METHOD: {LABEL: {KEY: value, ...}}}, by the label of a
    level of `vary`, or `as configured` where nothing is varied. It is set after all else."""
    reference: str | None = None
    """Method that all others are compared with; null: the first."""
    baseline: str | None = None
    """Setting that all others are compared with, where one method alone is run; null: the first.
    Written as in the tables, such as `training.lr=0.01`."""
    select: Literal["validation"] | None = None
    """`validation`: settings are ranked by the validation splits of the training sites, and held-out
    scores appear in no table. For choices; needs `evaluation.validation` above 0."""
    metric: str = "auc"
    """What settings are ranked by, and what is drawn first."""
    figures: tuple[str, ...] = ("auc", "qwk", "accuracy", "ece", "nll", "brier")
    """Metrics that are compared with the reference, and kept in the tables of `results/`."""
    tables: tuple[str, ...] = ()
    """Of the figures, those that the page of results compares beside `metric`."""
    pairs: tuple[tuple[str, str], ...] = ()
    """Two methods each, the first of which the page of results compares with the second."""
    endpoint: Endpoint | None = None
    """The primary endpoint; null: none is named, and every comparison is one of many."""
    trials: Annotated[Whole, Field(ge=0)] = 0
    """How many settings each method was tried with before, on tuning seeds; for the record."""
    quick: tuple[str, ...] = ()
    """Methods that `--quick` keeps; empty: all."""

    @property
    def method_names(self) -> tuple[str, ...]:
        """The names of the methods, as tables have them."""
        return tuple(_name_of(method) for method in self.methods)

    @field_validator("methods")
    @classmethod
    def _methods_have_names(cls, methods: tuple[Any, ...]) -> tuple[Any, ...]:
        for method in methods:
            if isinstance(method, Mapping) and "name" not in method:
                raise ValueError(f"a method that is written out needs a name; got {shown(method)}")
        names = [_name_of(method) for method in methods]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"{twice!r} is there twice")
        return methods

    @field_validator("seeds", "quick")
    @classmethod
    def _distinct(cls, values: tuple[Any, ...]) -> tuple[Any, ...]:
        twice = next((value for value in values if values.count(value) > 1), None)
        if twice is not None:
            raise ValueError(f"{twice!r} is there twice")
        return values

    @field_validator("vary", mode="before")
    @classmethod
    def _levels(cls, vary: Any) -> Any:
        if not isinstance(vary, Mapping):
            return vary
        for name, levels in vary.items():
            if name in ("seed", "method"):
                raise ValueError(f"study.vary.{name}: use study.{name}s")
            fits = isinstance(levels, list | tuple) or (
                isinstance(levels, Mapping)
                and all(isinstance(level, Mapping) for level in levels.values())
            )
            if not fits or not levels:
                raise ValueError(
                    f"study.vary.{name}: allowed: a list of values, or {{LABEL: {{KEY: value}}}}; "
                    f"got {shown(levels)}"
                )
        return vary

    @model_validator(mode="after")
    def _names_are_known(self) -> "Study":
        primary = (self.endpoint.method, self.endpoint.against) if self.endpoint else ()
        known = {
            "reference": (self.reference,),
            "quick": self.quick,
            "endpoint": primary,
            "tuned": tuple(self.tuned),
        }
        for key, names in known.items():
            for name in names:
                if name is not None and self.methods and name not in self.method_names:
                    raise ValueError(
                        f"study.{key}: {name!r} is not one of study.methods; "
                        f"allowed: {', '.join(self.method_names)}"
                    )
        return self

    @model_validator(mode="after")
    def _labels_are_known(self) -> "Study":
        labels = {str(label) for levels in self.vary.values() for label in levels} or {ONLY}
        for method, chosen in self.tuned.items():
            for label in chosen:
                if label not in labels:
                    raise ValueError(
                        f"study.tuned.{method}: {label!r} is the label of no level; "
                        f"allowed: {', '.join(sorted(labels))}"
                    )
        return self

    @model_validator(mode="after")
    def _choices_stay_off_fresh_seeds(self) -> "Study":
        fresh = [seed for seed in self.seeds if seed >= FIRST_RESULT_SEED]
        if self.select is not None and fresh:
            raise ValueError(
                f"study.seeds: {fresh[0]} is for results; choices are made on seeds below "
                f"{FIRST_RESULT_SEED}, by custom 0 to {TUNING_SEEDS[-1]}"
            )
        return self


def _name_of(method: str | Mapping[str, Any]) -> str:
    """Return what a method is called: its name, or that of its file."""
    return Path(method).stem if isinstance(method, str) else str(method["name"])
