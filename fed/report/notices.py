"""What went wrong or needs care: always told, and said to be nothing when it is nothing."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from fed.report.words import GIVEN, counted, listed, metric_words
from fed.results import Results, RoundRecord


@dataclass(frozen=True)
class Notice:
    """A kind of trouble; no `items` means there was none."""

    title: str
    explanation: str
    items: tuple[str, ...]


FEW = 10
"""Cases of a grade below which a figure is said to rest on few."""
CONFOUND = re.compile(r"(?P<scope>.+?): (?P<claim>.+) \((?P<figures>.+)\): (?P<advice>.+)")
"""A warning of `fed.confounds`: whose cases, what, how much, and what follows."""


def notices(results: Results, rounds: Sequence[RoundRecord] = ()) -> list[Notice]:
    """Collect everything a reader must know before trusting the figures."""
    explanation, items = confounds(results.confounds)
    return [
        Notice("Confounds", explanation, items),
        Notice(
            "Few cases", "A figure of few cases is a guess; look at its interval.", _few(results)
        ),
        Notice("Warnings", "Said by the federation during the run.", results.warnings),
        Notice(
            "Sites that failed",
            "They sent nothing in these rounds; the round went on without them.",
            _failures(results),
        ),
        Notice(
            "Updates that were too long",
            "Much longer than those of the other sites; they were shortened to the bound.",
            _bounded(rounds),
        ),
        Notice(
            "Transport",
            "Couplings that did not reach their tolerance, and classes left without a partner.",
            _transport(results),
        ),
        Notice(
            "Undefined metrics",
            "The held-out cases do not allow them, for instance because all are of one grade.",
            _undefined(results),
        ),
    ]


def confounds(warnings: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Say once what several warnings have in common; return that, and what is of each."""
    general = "Where owning a modality goes with the label, a model can grade by ownership."
    found = [CONFOUND.fullmatch(words) for words in warnings]
    shared = {(match["claim"], match["advice"]) for match in found if match}
    if len(shared) != 1:
        return general, tuple(warnings)
    ((claim, advice),) = shared
    items = (
        f"{match['scope']}: {match['figures']}" if match else words
        for words, match in zip(warnings, found, strict=True)
    )
    return f"{claim[:1].upper()}{claim[1:]}: {advice}.", tuple(items)


def _few(results: Results) -> tuple[str, ...]:
    items = []
    for condition in results.conditions:
        count = results.held_out.counts.pooled.get(condition)
        if count is None:
            continue
        few = [
            f"{cases} {name}"
            for cases, name in zip(count.by_class, results.classes, strict=True)
            if cases < FEW
        ]
        if few:
            words = counted(count.cases, "held-out case")
            items.append(f"given {GIVEN[condition]}: {words}, of which {listed(few)}")
    return tuple(items)


def _failures(results: Results) -> tuple[str, ...]:
    rounds: dict[tuple[str, str], list[int]] = defaultdict(list)
    for failure in results.failures:
        if not failure.foreseen:
            rounds[failure.site, failure.reason].append(failure.round)
    foreseen = sum(failure.foreseen for failure in results.failures)
    words = (
        f"{counted(foreseen, 'time')} a site was unavailable, dropped out or was too slow, as the "
        "resources in the configuration have it; see who took part"
    )
    return ((words,) if foreseen else ()) + tuple(
        f"{site}, {'round' if len(when) == 1 else 'rounds'} "
        f"{listed([str(number) for number in sorted(when)])}: {reason}"
        for (site, reason), when in rounds.items()
    )


def _bounded(rounds: Sequence[RoundRecord]) -> tuple[str, ...]:
    """Say of each site and module in which rounds its update was shortened, and how far at most."""
    found: dict[tuple[str, str], dict[int, float]] = defaultdict(dict)
    for line in rounds:
        for bounded in line.bounded:
            found[bounded.site, bounded.module][line.round] = bounded.factor
    return tuple(
        f"{site}, {module}: in {'round' if len(factors) == 1 else 'rounds'} "
        f"{listed([str(number) for number in factors])}, to {min(factors.values()):.3g} of its length"
        for (site, module), factors in found.items()
    )


def _transport(results: Results) -> tuple[str, ...]:
    if results.transport is None:
        return ()
    items = []
    if results.transport.not_converged:
        items.append(
            f"{results.transport.not_converged:,} of "
            f"{counted(results.transport.couplings, 'coupling')} did not converge"
        )
    left_out = results.transport.left_out_classes
    if isinstance(left_out, int):
        if left_out:
            items.append(f"{counted(left_out, 'time')} a class found no partner in a coupling")
    else:
        items += [
            f"{name} found no partner in {counted(times, 'coupling')}"
            for name, times in left_out.items()
            if times
        ]
    return tuple(items)


def _undefined(results: Results) -> tuple[str, ...]:
    items = []
    held_out, classes = results.held_out, len(results.classes)
    for place, scored in [("all sites", held_out.pooled), *held_out.sites.items()]:
        for condition in results.conditions:
            metrics = scored.get(condition, {})
            names = [
                metric_words(name, classes).title
                for name, estimate in metrics.items()
                if estimate.value is None
            ]
            if names:
                items.append(f"{place}, given {GIVEN[condition]}: {listed(names)}")
    return tuple(items)
