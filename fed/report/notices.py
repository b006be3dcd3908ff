"""What went wrong or needs care: always told, and said to be nothing when it is nothing."""

from collections import defaultdict
from dataclasses import dataclass

from fed.report.run import Results
from fed.report.words import GIVEN, METRIC_WORDS, counted, listed


@dataclass(frozen=True)
class Notice:
    """A kind of trouble; no `items` means there was none."""

    title: str
    explanation: str
    items: tuple[str, ...]


def notices(results: Results) -> list[Notice]:
    """Collect everything a reader must know before trusting the figures."""
    return [
        Notice(
            "Confounds",
            "Where owning a modality goes with the label, a model can grade by ownership.",
            results.confounds,
        ),
        Notice("Warnings", "Said by the federation during the run.", results.warnings),
        Notice(
            "Sites that failed",
            "They sent nothing in these rounds; the round went on without them.",
            _failures(results),
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


def _transport(results: Results) -> tuple[str, ...]:
    if results.transport is None:
        return ()
    items = []
    if results.transport.not_converged:
        items.append(
            f"{results.transport.not_converged:,} of "
            f"{counted(results.transport.couplings, 'coupling')} did not converge"
        )
    if results.transport.left_out_classes:
        items.append(f"Classes left out of couplings: {listed(results.transport.left_out_classes)}")
    return tuple(items)


def _undefined(results: Results) -> tuple[str, ...]:
    items = []
    for place, scored in [("all sites", results.pooled), *results.by_site.items()]:
        for condition, metrics in scored.items():
            names = [
                METRIC_WORDS[name].title if name in METRIC_WORDS else name
                for name, estimate in metrics.items()
                if estimate.value is None
            ]
            if names:
                items.append(f"{place}, given {GIVEN[condition]}: {listed(names)}")
    return tuple(items)
