"""The schema of a group of sites: who they are, what they own and how much."""

from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)

from fed.config.data import GroupData
from fed.config.refusal import shown
from fed.config.section import Count, NotNegative, Positive, PositiveShare, Section, Share, Whole
from fed.sites import MODALITIES, Modality, Resources, Role


class LogNormal(Section):
    """A number of cases that differs from site to site."""

    median: Positive
    spread: NotNegative = 0.5
    """Standard deviation of the logarithm."""


class Dirichlet(Section):
    """Label proportions drawn anew for each site."""

    dirichlet: Positive
    """Concentration: 0.1 is very uneven, 100 nearly even."""
    around: Annotated[tuple[Positive, ...], Field(min_length=2)] | None = None
    """Mean proportions, one number a class: who is referred where; null: even."""

    def concentrations(self, classes: int) -> tuple[float, ...]:
        """Return the parameters of the distribution, one a class; their mean is `dirichlet`."""
        around = self.around or (1.0,) * classes
        return tuple(self.dirichlet * classes * share / sum(around) for share in around)


class SiteResources(Section):
    """Equipment of a site beside its cameras: who takes part when, and the virtual clock."""

    speed: Positive = 1.0
    """Compute speed relative to the machine that simulates."""
    uplink_mbps: Positive = 100.0
    downlink_mbps: Positive = 100.0
    availability: Share = 1.0
    """Probability of being reachable in a round."""
    dropout: Share = 0.0
    """Probability of not answering once taking part."""

    def typed(self) -> Resources:
        """Return the plain value that the rest of the program uses."""
        return Resources(**self.model_dump())


Names = Annotated[tuple[str, ...], Field(min_length=1)]


def _any_of(allowed: str, value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    """Refuse in one message what none of several forms fits."""
    try:
        return handler(value)
    except ValidationError:
        raise ValueError(f"allowed: {allowed}; got {shown(value)}") from None


def _shares(value: Any) -> Any:
    """Read `[fundus]` as {fundus: 1.0, oct: 0.0}."""
    if isinstance(value, dict | list | tuple):
        unknown = [m for m in value if m not in MODALITIES]
        if unknown:
            raise ValueError(f"unknown modality {unknown[0]!r}; allowed: fundus, oct")
    if isinstance(value, list | tuple):
        value = dict.fromkeys(value, 1.0)
    if not isinstance(value, dict):
        raise ValueError(f"expected a list or {{fundus: share, oct: share}}; got {shown(value)}")
    return dict.fromkeys(MODALITIES, 0.0) | value


Ownership = Annotated[dict[Modality, Share], BeforeValidator(_shares)]


class Population(Section):
    """A kind of patients of a site, of whom other pictures are taken than of the rest."""

    share: Positive
    """Its part of the site's cases, relative to the other populations."""
    modalities: Ownership
    """Share of its cases that have each modality."""


class SiteGroup(Section):
    """A group of like sites."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    """Sites are named `name-1` to `name-count`; the only site of a group has the bare name."""
    role: Role = "train"
    """`held_out` sites never train: the global model is judged on them."""
    count: Annotated[Whole, Field(ge=0)] = 1
    """How many sites; a group of none is left out, so that a study may vary the number."""
    modalities: Ownership | None = None
    """Share of the cases that have each modality; `[fundus]` is short for {fundus: 1.0, oct: 0.0}.
    """
    populations: tuple[Population, ...] = ()
    """In place of `modalities`, where not all patients are pictured alike: {share, modalities}."""
    paired: Share = 1.0
    """Of the cases with both modalities, the share known to be the same eye."""
    cases: Count | PositiveShare | LogNormal | Names = LogNormal(median=100)
    """Cases a site: a number, or {median, spread} of a log-normal. Real sources also take a share
    up to 1.0 of all patients for the whole group, or a list of names found in `data.site_column`.
    A group with a real source of its own has all of its patients unless it says otherwise."""
    data: GroupData | None = None
    """A source of its own: {source, path, label, labels, ...}; null: `data` of the federation."""
    labels: Dirichlet | tuple[NotNegative, ...] | Literal["natural"] = "natural"
    """Label proportions: {dirichlet: a, around: [...]}, a list with one number a class, or `natural` (real
    sources: as they come; phantom: even)."""
    style: NotNegative = 1.0
    """How far its devices differ from the average device (phantom)."""
    resources: SiteResources = SiteResources()

    @model_validator(mode="before")
    @classmethod
    def _all_of_its_own_source(cls, value: Any) -> Any:
        own = value.get("data") if isinstance(value, dict) else None
        if isinstance(own, dict) and own.get("source") != "phantom" and "cases" not in value:
            return {**value, "cases": 1.0}
        return value

    @field_validator("cases", mode="wrap")
    @classmethod
    def _number_of_cases(cls, value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        if isinstance(value, dict):
            return LogNormal.model_validate(value)
        return _any_of(
            "a number from 1, a share up to 1.0, {median, spread}, names", value, handler
        )

    @field_validator("labels", mode="wrap")
    @classmethod
    def _label_proportions(cls, value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        if isinstance(value, dict):
            return Dirichlet.model_validate(value)
        return _any_of("{dirichlet: a}, a list of a number from 0 a class, natural", value, handler)

    @property
    def site_names(self) -> list[str]:
        """The names of its sites."""
        if self.count == 1:
            return [self.name]
        return [f"{self.name}-{number}" for number in range(1, self.count + 1)]

    @property
    def ownership(self) -> dict[Modality, float]:
        """Share of all its cases that have each modality."""
        if self.modalities is not None:
            return self.modalities
        total = sum(population.share for population in self.populations)
        return {
            modality: sum(p.share * p.modalities[modality] for p in self.populations) / total
            for modality in MODALITIES
        }

    @model_validator(mode="after")
    def _owns_something(self) -> "SiteGroup":
        if (self.modalities is None) is (not self.populations):
            raise ValueError(f"sites.{self.name}: give either modalities or populations")
        if not all(any(p.modalities.values()) for p in self.populations):
            raise ValueError(
                f"sites.{self.name}.populations: each population needs at least one modality"
            )
        if not any(self.ownership.values()):
            raise ValueError(f"sites.{self.name}.modalities: a site needs at least one modality")
        return self
