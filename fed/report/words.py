"""Numbers and findings in words."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from fed.errors import ConfigError
from fed.metrics import Aspect, metric
from fed.report.style import owner_condition
from fed.results import Count, Estimate, Results
from fed.sites import CONDITIONS, Condition, SiteCard


@dataclass(frozen=True)
class MetricWords:
    """A metric as a reader meets it: its name, what it says, which way is better."""

    title: str
    meaning: str = ""
    higher_is_better: bool = True
    aspect: Aspect = "other"

    @property
    def arrow(self) -> str:
        """The way that is better."""
        return "↑" if self.higher_is_better else "↓"

    @property
    def in_text(self) -> str:
        """The name within a sentence; abbreviations stay as they are."""
        abbreviated = self.title[:2].upper() == self.title[:2]
        return self.title if abbreviated else self.title[:1].lower() + self.title[1:]


@cache
def metric_words(name: str, classes: int) -> MetricWords:
    """Return how a metric is called where there are so many classes.

    One whose code is not here any more, of a run from elsewhere, goes by its name.
    """
    try:
        found = metric(name)
    except ConfigError:
        return MetricWords(name)
    return MetricWords(
        found.titled(classes), found.explained(classes), found.higher_is_better, found.aspect
    )


GIVEN: dict[Condition, str] = {
    "both": "fundus and OCT",
    "fundus": "fundus only",
    "oct": "OCT only",
}
FEW_SITES = 10
"""Fewer held-out sites than these give an interval that can hold the truth in fewer than 9 of 10
studies (benchmarks/site_intervals.py)."""
OWNS: dict[Condition, str] = {
    "both": "both a fundus camera and an OCT scanner",
    "fundus": "a fundus camera only",
    "oct": "an OCT scanner only",
}
UNDEFINED = "n/a"


def number(value: float | None) -> str:
    """Return three decimals, or the mark of an undefined value."""
    return UNDEFINED if value is None else f"{value:.3f}"


def interval(estimate: Estimate) -> str:
    """Return ``0.912–0.956``, or nothing where there is no interval."""
    if estimate.low is None or estimate.high is None:
        return ""
    return f"{estimate.low:.3f}–{estimate.high:.3f}"


def size(count: float) -> str:
    """Return bytes with a decimal unit, ``12.3 MB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


def share(part: int, whole: int) -> str:
    """Return ``32 %``; undefined of nothing."""
    return f"{100 * part / whole:.0f} %" if whole else UNDEFINED


def duration(seconds: float | None) -> str:
    """Return ``4.2 s``, ``3 min 5 s`` or ``2 h 10 min``."""
    if seconds is None:
        return UNDEFINED
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def counted(count: int, noun: str) -> str:
    """Return ``1 site``, ``1,204 sites``."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def listed(parts: Sequence[str]) -> str:
    """Return ``a, b and c``."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def headline(results: Results) -> str:
    """Say in one sentence what was reached at sites that never trained."""
    held_out = counted(len(results.with_role("held_out")), "unseen site")
    named = metric_words(results.headline, len(results.classes)).in_text
    for condition in results.conditions:
        estimate = results.pooled(condition, results.headline)
        if estimate.value is not None:
            reached = f"{named} is {estimate.value:.2f} from {GIVEN[condition]}"
            return f"At {held_out}, {reached}"
    return f"At {held_out}, {named} is undefined"


def resting_on(count: Count | None, classes: Sequence[str]) -> str:
    """Say what a figure rests on: cases, their patients, and how many of each grade."""
    if count is None:
        return ""
    patients = "" if count.patients == count.cases else f" of {counted(count.patients, 'patient')}"
    return f"{counted(count.cases, 'case')}{patients}: {by_grade(count, classes)}"


def resampled(sites: int) -> str:
    """Say what is drawn anew for the intervals of what several held-out sites give, or one."""
    if sites < 2:
        return "from resampling the patients of the held-out site"
    return f"from resampling the {sites} held-out sites and, within them, their patients" + (
        ", rather too short with so few sites" if sites < FEW_SITES else ""
    )


def by_grade(count: Count, classes: Sequence[str]) -> str:
    """Return ``31 healthy, 5 late``; of two classes, how many are of the second."""
    pairs = list(zip(count.by_class, classes, strict=True))
    return ", ".join(
        f"{cases:,} {name}" for cases, name in (pairs[1:] if len(pairs) == 2 else pairs)
    )


def ownership(sites: Iterable[SiteCard]) -> str:
    """Say how many of `sites` own what."""
    count = Counter(owner_condition(site.modalities) for site in sites)
    parts = [
        f"{count[c]} {'owns' if count[c] == 1 else 'own'} {words}"
        for c, words in OWNS.items()
        if count[c]
    ]
    return listed(parts) if parts else "none is described"


def summary(results: Results) -> str:
    """Say what was trained, on whom and with what."""
    train = results.with_role("train")
    held_out = results.with_role("held_out")
    cases = sum(site.total for site in train)
    rounds = counted(results.rounds_completed, "round")
    sites = counted(len(train), "site")
    opening = {
        "federated": f"One model was trained with the method {results.method} over {rounds} by "
        f"{sites} that keep their images to themselves: {ownership(train)}.",
        "pooled": f"With the method {results.method} one model was trained over {rounds} where the "
        "cases of all training sites lie together: what no federation can do, for comparison.",
        "apart": f"With the method {results.method} each of {sites} trained a model of its own "
        f"over {rounds} and exchanged nothing: {ownership(train)}. Scores at other sites are the "
        "mean over these models.",
    }[results.arrangement]
    held = f" Together they hold {counted(cases, 'case')}."
    if results.kept is not None:
        named = metric_words(results.headline, len(results.classes)).in_text
        held += (
            f" Kept is the model of round {results.kept.round}, the best on validation splits: "
            f"{named} {number(results.kept.validation)}, mean over what is given."
        )
        if (patience := results.kept.patience) is not None:
            held += (
                f" Training stopped after round {results.rounds_completed}, as "
                f"{counted(patience, 'scored round')} in a row had been no better."
            )
    if (model := results.judged) is not None:
        held = ""
        opening = (
            f"Nothing was trained here: the model of the run {model.name} is judged, with the "
            f"method {model.method}, seed {model.seed}, {counted(model.rounds, 'round')} at "
            f"{counted(model.sites, 'site')}."
        )
    return (
        f"{opening}{held} The model sorts eyes into "
        f"{listed(results.classes)}. It is judged on "
        f"{counted(sum(s.total for s in held_out), 'case')} of "
        f"{counted(len(held_out), 'site')} that took no part in training."
    )


def validation(results: Results) -> str:
    """Say how the model does on cases set aside at the sites that trained it, if it was scored."""
    if results.validation is None:
        return ""
    found = [
        f"{number(metrics[results.headline].value)} given {GIVEN[condition]}"
        for condition in CONDITIONS
        if results.headline in (metrics := results.validation.pooled.get(condition, {}))
    ]
    if not found:
        return ""
    named = metric_words(results.headline, len(results.classes)).in_text
    return f"For comparison, {named} on validation cases of the training sites: {listed(found)}."
