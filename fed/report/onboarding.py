"""Onboarding in words: what each procedure does, and what came of it."""

from fed.report.run import Estimate, Onboarding
from fed.report.words import GIVEN, number
from fed.sites import Condition

METRICS = ("accuracy", "balanced_accuracy", "qwk", "auc", "ece")
"""Metrics that are tabulated; `results.json` has the others."""

PROCEDURE_WORDS: dict[str, str] = {
    "unadapted": "the model as it came",
    "bank": "averaged with the posterior of the prototype bank",
    "bayes": "corrected for the site's mix of grades",
    "bank_bayes": "averaged with the bank, then corrected",
    "mean_alignment": "features moved to the bank's means, then averaged and corrected",
    "transport": "averaged, archive transported to the mix of grades",
    "transport_unbalanced": "the same, the mix of grades only nearly met",
}
COUNTS_WORDS = {
    "none": "nothing is known of their grades",
    "estimated": "the mix of their grades is estimated from the model's own answers",
    "known": "it is known how many are of each grade",
    "noisy": "it is roughly known how many are of each grade",
}


def setting(onboarding: Onboarding) -> str:
    """Say what a site brings."""
    return (
        f"Each held-out site adapts the model to an archive of up to {onboarding.archive} "
        f"unlabelled cases, without training; {COUNTS_WORDS[onboarding.counts]}. The archive is "
        "not judged on, so all scores of this report are from the site's other cases."
    )


def outcome(onboarding: Onboarding) -> str:
    """Say which procedure changes quadratic kappa most and least, by condition."""
    found = [_span(onboarding, condition) for condition in GIVEN]
    said = [words for words in found if words]
    if not said:
        return "Nothing can be said: no site adapted the model, or quadratic kappa is undefined."
    return f"Quadratic kappa, by the worst and the best of the procedures: {'; '.join(said)}."


def _span(onboarding: Onboarding, condition: Condition) -> str:
    kappas = {
        name: scored.get(condition, {}).get("qwk", Estimate()).value
        for name, scored in onboarding.pooled.items()
    }
    base = kappas.pop("unadapted", None)
    known = {name: value for name, value in kappas.items() if value is not None}
    if base is None or not known:
        return ""
    worst, best = min(known, key=known.__getitem__), max(known, key=known.__getitem__)
    return (
        f"given {GIVEN[condition]}, from {number(base)} to {number(known[worst])} ({worst}) "
        f"and {number(known[best])} ({best})"
    )
