"""``results.json``: everything that a finished run says of itself."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from fed.config.schema import Evaluation
from fed.results.judgement import Equipment, GroupTable, Sets, Triage
from fed.results.record import SCHEMA, Record, parsed, text_of
from fed.results.scores import Adapted, Estimate, HeldOut, OperatingPoint, Validation
from fed.sites import CONDITIONS, Condition, SiteCard
from fed.storage import write_json

FILE = "results.json"


class SiteTraffic(Record):
    """Bytes of the messages sent: down to the sites, up to the server."""

    down_bytes: int = 0
    up_bytes: int = 0


class Communication(SiteTraffic):
    """Bytes of all messages of a run, and of each site's."""

    sites: dict[str, SiteTraffic]


class Time(Record):
    """Where the time went.

    Attributes
    ----------
    wall : dict
        Seconds by phase; ``total`` is the whole run, of which they are parts.
    virtual_seconds : float or None
        What the rounds would take with the sites' equipment; None without a clock.
    virtual_by_group : dict or None
        Virtual seconds a site by group and what they went into.
    seconds_per_case : dict or None
        Seconds a case, by work and by what the case has.
    """

    TOTAL: ClassVar[str] = "total"

    wall: dict[str, float]
    virtual_seconds: float | None = None
    virtual_by_group: dict[str, dict[str, float]] | None = None
    seconds_per_case: dict[str, dict[str, float]] | None = None

    @property
    def phases(self) -> dict[str, float]:
        """Wall seconds by phase, without their total."""
        return {phase: spent for phase, spent in self.wall.items() if phase != self.TOTAL}

    @property
    def total(self) -> float:
        """Wall seconds of the whole run."""
        return self.wall.get(self.TOTAL, sum(self.wall.values()))


class Participation(Record):
    """Rounds by outcome, of the training sites and of all sites of a group."""

    groups: Mapping[str, dict[str, int]] = {}
    sites: Mapping[str, dict[str, int]] = {}


class GroupCost(SiteTraffic):
    """What a group had spent by a round: bytes of all sites, virtual seconds at work of one."""

    busy_seconds: float


class Cost(Record):
    """What all rounds until one had taken."""

    round: int
    virtual_seconds: float | None
    down_bytes: int
    up_bytes: int
    groups: dict[str, GroupCost]


class ToAccuracy(Record):
    """What it took until the held-out score reached each mark.

    Attributes
    ----------
    metric : str
    rounds : dict
        By condition and mark, the round of the first evaluation that reached it.
    cost : tuple of Cost
        For each of these rounds.
    """

    metric: str = Evaluation().headline
    rounds: Mapping[str, dict[str, int]] = {}
    cost: tuple[Cost, ...] = ()


class Failure(Record):
    """A site that did not answer in a round; `outcome` says what kind of trouble it was."""

    round: int
    site: str
    reason: str
    outcome: str = "failed"

    @property
    def foreseen(self) -> bool:
        """Whether it comes of the resources that the configuration gives the site."""
        return self.outcome in ("unavailable", "dropped", "late")


class Transport(Record):
    """What the transport solver did.

    Attributes
    ----------
    couplings, not_converged : int
        Couplings solved, and how many of them did not reach their tolerance.
    left_out_classes : int or dict
        Times that a class found no partner in a coupling, in all or by class.
    seconds : float
    """

    couplings: int = 0
    not_converged: int = 0
    left_out_classes: int | dict[str, int] = 0
    seconds: float = 0.0


class SitePrivacy(Record):
    """What a site's patients have spent, and the noise in units of what one patient can move."""

    epsilon: float
    noise_multiplier: float


class PrivacySpent(Record):
    """Differential privacy of each patient of a training site, over the whole run."""

    epsilon: float
    delta: float
    clip: float
    sites: dict[str, SitePrivacy]


class Task(Record):
    """What was graded."""

    classes: tuple[str, ...]


class JudgedRun(Record):
    """The run whose model was judged; `sha256` is of its file."""

    run: str
    sha256: str
    name: str
    method: str
    seed: int
    rounds: int
    sites: int


class Kept(Record):
    """The round whose model was kept as the best.

    Attributes
    ----------
    round : int
    validation : float
        Its headline on the validation splits.
    patience : int or None
        After how many scored rounds that were no better training stopped; None where all rounds were
        trained.
    """

    round: int
    validation: float
    patience: int | None = None


class Results(Record):
    """The content of ``results.json``."""

    version: int = Field(default=SCHEMA, alias="schema")
    name: str
    method: str
    arrangement: str
    seed: int
    engine: str
    versions: dict[str, str]
    task: Task
    rounds_completed: int
    kept: Kept | None = None
    """Where the best round was kept, not the last."""
    judged: JudgedRun | None = None
    """Where a finished model was judged, and nothing trained."""
    headline: str = Evaluation().headline
    tables: tuple[str, ...] = Evaluation().tables
    held_out: HeldOut
    operating_point: dict[str, OperatingPoint] | None = None
    onboarding: Adapted | None = None
    validation: Validation | None = None
    triage: Triage | None = None
    sets: Sets | None = None
    equipment: Equipment | None = None
    subgroups: dict[str, dict[Condition, GroupTable]] | None = None
    """By column, then by condition."""
    sites: tuple[SiteCard, ...]
    communication: Communication
    time: Time
    participation: Participation = Participation()
    to_accuracy: ToAccuracy = ToAccuracy()
    failures: tuple[Failure, ...] = ()
    accounts: tuple[str, ...] = ()
    """What became of every row that was read, a line a source."""
    warnings: tuple[str, ...] = ()
    confounds: tuple[str, ...] = ()
    transport: Transport | None = None
    privacy: PrivacySpent | None = None
    """What was spent of ``privacy.epsilon``; None where no budget was asked for."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the grades, mildest first."""
        return self.task.classes

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """The conditions that were scored, in the usual order."""
        return tuple(c for c in CONDITIONS if c in self.held_out.pooled)

    @property
    def shown(self) -> tuple[str, ...]:
        """The metric to lead with, and those beside it."""
        return tuple(dict.fromkeys((self.headline, *self.tables)))

    def with_role(self, role: str) -> tuple[SiteCard, ...]:
        """Return the sites that train, or those held out."""
        return tuple(site for site in self.sites if site.role == role)

    def pooled(self, condition: str, metric: str) -> Estimate:
        """Return an estimate over all held-out cases; an empty one where there is none."""
        return self.held_out.pooled.get(condition, {}).get(metric, Estimate())

    def at(self, site: str, condition: str, metric: str) -> Estimate:
        """Return an estimate over one site's cases; an empty one where there is none."""
        tables = self.held_out.sites.get(site, {})
        return tables.get(condition, {}).get(metric, Estimate())


def read_results(folder: Path) -> Results:
    """Read ``results.json`` of a run.

    Raises
    ------
    DataError
        If it is absent or is none of this version.
    """
    return parsed(Results, text_of(folder / FILE), folder / FILE)


def write_results(folder: Path, results: Results) -> None:
    """Write ``results.json`` of a run, whole or not at all."""
    write_json(folder / FILE, results.content())


def is_finished(folder: Path) -> bool:
    """Return whether a folder holds the results of a run."""
    return (folder / FILE).exists()
