"""What the finished model is worth to those who would use it."""

from collections.abc import Mapping
from typing import Literal

from fed.results.record import Record
from fed.results.scores import Count, Estimate
from fed.sites import Condition, Modality, Role

FirstImage = Literal["fundus", "oct"]
Mix = Literal["drawn", "given"]
Ranking = Literal["entropy", "margin", "seen", "chance"]


class TriageCurve(Record):
    """How much of the gain comes with how many examinations, in one order of the eyes.

    Attributes
    ----------
    share_of_gain : tuple of Estimate
        For each of `Triage.shares`; undefined where no gain is shown.
    enough : Estimate
        The smallest of the shares that brings `Triage.enough` of the gain.
    """

    share_of_gain: tuple[Estimate, ...]
    enough: Estimate


class TriageScore(Record):
    """One metric from one image, from both, and on the way.

    Attributes
    ----------
    first, both, gain : Estimate
        With the one image for all eyes, with both, and the difference.
    curves : dict
        By the order in which eyes are sent.
    """

    first: Estimate
    both: Estimate
    gain: Estimate
    curves: dict[Ranking, TriageCurve]


class TriageClinic(Record):
    """Clinics that own one camera, at one mix of grades.

    Attributes
    ----------
    count : Count
        The eyes it rests on, all of which have both images.
    mix : tuple of float
        Share of each grade.
    metrics : dict
    """

    count: Count
    mix: tuple[float, ...]
    metrics: dict[str, TriageScore]


class Triage(Record):
    """Which eyes with one image need the other, by the image that they have.

    Attributes
    ----------
    shares : tuple of float
        Of the eyes, sent for the other image.
    enough : float
        Share of the gain that counts as nearly all.
    clinics : dict
        ``clinics.<image>.<mix>``; a mix is left out where a grade that it has is missing.
    """

    shares: tuple[float, ...]
    enough: float
    clinics: Mapping[FirstImage, dict[Mix, TriageClinic]] = {}


class SetScore(Record):
    """How the prediction sets of some eyes came out.

    Attributes
    ----------
    cases : int
        Eyes scored, none of which was calibrated on.
    calibrated_on : int
        Eyes; of all hospitals together where there are several.
    threshold : float or None
        A grade is in the set if its probability is at least this; None where sets have several
        thresholds. 0 is a set of all grades, for want of eyes to calibrate on.
    coverage : Estimate
        Share of the sets that hold the true grade, with its exact binomial 95 % interval; over
        several hospitals it is no narrower than that of resampled hospitals and patients.
    size : Estimate
        Mean number of grades in a set, with its 95 % bootstrap interval.
    """

    cases: int
    calibrated_on: int
    threshold: float | None = None
    coverage: Estimate
    size: Estimate


class Sets(Record):
    """Prediction sets at held-out hospitals, by condition.

    Attributes
    ----------
    target : float
        The coverage asked for.
    calibrate : {"local", "federated"}
    cases : int
        Graded eyes of each hospital, or training site, at most.
    by_luck : Estimate or None
        Of calibration on so many eyes of the hospital itself: the coverage over all of its eyes
        that is expected, and the range that it lies in for 95 % of the draws of these eyes.
    pooled, sites : dict
        ``pooled.<condition>`` and ``sites.<site>.<condition>``.
    """

    target: float
    calibrate: Literal["local", "federated"]
    cases: int
    by_luck: Estimate | None = None
    pooled: Mapping[Condition, SetScore]
    sites: Mapping[str, dict[Condition, SetScore]]


class SiteValue(Record):
    """What the other camera would be worth to a site that owns one.

    Attributes
    ----------
    group, role : str
    owns, lacks : {"fundus", "oct"}
    cases, ill : float
        Patients a year, and those of them with any grade but the first.
    correct, nats : Estimate
        Correct grades, and nats of log loss, that its patients of a year would gain; undefined where
        they have a grade that no held-out eye with both images has.
    correct_per_cost : Estimate
        Correct grades a year for a unit of cost.
    """

    group: str
    role: Role
    owns: Modality
    lacks: Modality
    cases: float
    ill: float
    correct: Estimate
    nats: Estimate
    correct_per_cost: Estimate


class Equipment(Record):
    """A valuation from one model of the cameras that sites lack; not a ranking of sites.

    Attributes
    ----------
    cost : dict
        Of each camera.
    years : float
        In which the sites have seen their cases.
    count : Count
        The held-out eyes with both images that it rests on.
    sites : dict
        In the order of the configuration.
    """

    cost: dict[Modality, float]
    years: float
    count: Count
    sites: Mapping[str, SiteValue]


class Subgroup(Record):
    """The metrics of one group of patients.

    Attributes
    ----------
    count : Count
    small : bool
        Whether some grade has so few cases that its figures are a guess.
    metrics : dict
    """

    count: Count
    small: bool
    metrics: dict[str, Estimate]


class GroupTable(Record):
    """All groups of a column, under one condition.

    Attributes
    ----------
    groups : dict
    worst : dict
        By metric, the group that it is worst for.
    equity_scaled_auc : Estimate
        ``AUC / (1 + sum over groups of |AUC - AUC of the group|)``.
    """

    groups: dict[str, Subgroup]
    worst: dict[str, str | None]
    equity_scaled_auc: Estimate
