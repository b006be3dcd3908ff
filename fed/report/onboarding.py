"""Onboarding in words: what each procedure does, and what came of it."""

from collections.abc import Callable

from fed.report.words import GIVEN, metric_words, number
from fed.results import Adapted, Estimate, Results
from fed.sites import Condition

PROCEDURE_WORDS: dict[str, str] = {
    "unadapted": "the model as it came",
    "bank": "averaged with the posterior of the prototype bank",
    "bayes": "corrected for the site's mix of grades",
    "offsets": "each grade moved by an offset, so that the archive has its known mix of grades",
    "aligned_bayes": "features moved to the bank's means, then corrected",
    "aligned_offsets": "features moved to the bank's means, then offsets",
    "bank_bayes": "averaged with the bank, then corrected",
    "bank_offsets": "averaged with the bank, then offsets",
    "bank_aligned_bayes": "features moved to the bank's means, then averaged and corrected",
    "bank_aligned_offsets": "features moved to the bank's means, then averaged, then offsets",
}
COUNTS_WORDS = {
    "none": "nothing is known of their grades",
    "estimated": "the mix of their grades is estimated from the model's own answers",
    "known": "it is known how many are of each grade",
    "noisy": "it is roughly known how many are of each grade",
}


def setting(onboarding: Adapted) -> str:
    """Say what a site brings."""
    return (
        f"Each held-out site adapts the model to an archive of up to {onboarding.archive} "
        f"unlabelled cases, without training; {COUNTS_WORDS[onboarding.counts]}. The archive is "
        "not judged on, so all scores of this report are from the site's other cases."
    )


def outcome(results: Results) -> str:
    """Say which procedure changes the grades given most and least, by condition.

    By the first of the metrics shown that judges them: to know how many are of each grade moves
    the grades more than the order of the eyes.
    """
    assert results.onboarding is not None
    classes = len(results.classes)
    judged = (n for n in results.shown if metric_words(n, classes).aspect == "grades")
    name = next(judged, results.headline)
    words = metric_words(name, classes)
    best = max if words.higher_is_better else min
    worst = min if words.higher_is_better else max
    found = [_span(results.onboarding, c, name, worst, best) for c in GIVEN]
    said = [span for span in found if span]
    if not said:
        return f"Nothing can be said: no site adapted the model, or {words.in_text} is undefined."
    return f"{words.title}, by the worst and the best of the procedures: {'; '.join(said)}."


def _span(
    onboarding: Adapted,
    condition: Condition,
    metric: str,
    worst: Callable[..., str],
    best: Callable[..., str],
) -> str:
    values = {
        name: scored.get(condition, {}).get(metric, Estimate()).value
        for name, scored in onboarding.pooled.items()
    }
    base = values.pop("unadapted", None)
    known = {name: value for name, value in values.items() if value is not None}
    if base is None or not known:
        return ""
    low, high = worst(known, key=known.__getitem__), best(known, key=known.__getitem__)
    return (
        f"given {GIVEN[condition]}, from {number(base)} to {number(known[low])} ({low}) "
        f"and {number(known[high])} ({high})"
    )
