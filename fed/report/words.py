"""Numbers and findings in words."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fed.report.run import Estimate, Results
from fed.report.style import owner_condition
from fed.sites import Condition, SiteCard


@dataclass(frozen=True)
class MetricWords:
    """A metric as a reader meets it: its name, what it says, which way is better."""

    title: str
    meaning: str
    higher_is_better: bool = True


METRIC_WORDS: dict[str, MetricWords] = {
    "auc": MetricWords(
        "AUC", "chance that an eye of a grade is ranked above an eye of another grade; 0.5 is luck"
    ),
    "balanced_accuracy": MetricWords(
        "Balanced accuracy", "share graded correctly, every grade counting alike"
    ),
    "accuracy": MetricWords("Accuracy", "share graded correctly"),
    "f1_macro": MetricWords("F1, macro", "precision and recall in one, every grade counting alike"),
    "f1_weighted": MetricWords("F1, weighted", "the same, grades counting by their frequency"),
    "kappa": MetricWords("Kappa", "agreement beyond chance (Cohen)"),
    "qwk": MetricWords(
        "Quadratic kappa", "agreement beyond chance; a miss by two grades costs four times one"
    ),
    "specificity": MetricWords(
        "Specificity", "share of eyes without a grade not given it, mean over grades"
    ),
    "sensitivity": MetricWords(
        "Sensitivity", "share of eyes with a grade given it, mean over grades"
    ),
    "ece": MetricWords("Calibration error", "gap between stated confidence and accuracy", False),
    "nll": MetricWords("Log loss", "cost of the probability given to the true grade", False),
    "brier": MetricWords("Brier score", "squared error of the probabilities", False),
    "aurc": MetricWords("AURC", "error left when the least sure eyes are referred first", False),
    "e_aurc": MetricWords("Excess AURC", "the same, above what a perfect order would leave", False),
}

GIVEN: dict[Condition, str] = {
    "both": "fundus and OCT",
    "fundus": "fundus only",
    "oct": "OCT only",
}
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
    """Return ``32 %``; a dash for none."""
    return f"{100 * part / whole:.0f} %" if part else UNDEFINED


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
    for condition in results.conditions:
        auc = results.pooled[condition].get("auc", Estimate())
        if auc.value is not None:
            grading = f"eyes are graded with an AUC of {auc.value:.2f} from {GIVEN[condition]}"
            return f"At {held_out}, {grading}"
    return f"At {held_out}, the AUC is undefined"


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
    return (
        f"{opening} Together they hold {counted(cases, 'case')}. The model sorts eyes into "
        f"{listed(results.classes)}. It is judged on "
        f"{counted(sum(s.total for s in held_out), 'case')} of "
        f"{counted(len(held_out), 'site')} that took no part in training."
    )


def validation(results: Results) -> str:
    """Say how the model does on cases set aside at the sites that trained it, if it was scored."""
    found = [
        f"{number(metrics['auc'].value)} given {GIVEN[condition]}"
        for condition, metrics in results.validation.items()
        if "auc" in metrics
    ]
    if not found:
        return ""
    return f"For comparison, AUC on validation cases of the training sites: {listed(found)}."
