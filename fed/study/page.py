"""`study.html`: what a study found, on one page that needs nothing but itself."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from fed.config.study import FIRST_RESULT_SEED, MARGIN, ONLY
from fed.report.notices import confounds
from fed.report.page import shell_path, write_page
from fed.report.style import CONDITION_VARIABLE
from fed.report.words import counted, listed, metric_words
from fed.results import CONFIGURATION
from fed.sites import CONDITIONS
from fed.study.findings import Findings
from fed.study.plots import (
    calibration_panels,
    curve_panels,
    difference_panels,
    endpoint_panels,
    site_panels,
)
from fed.study.statistics import Difference, Verdict, equivalence, verdict


@dataclass(frozen=True)
class Judged:
    """A paired comparison, and what it says.

    Attributes
    ----------
    difference : Difference
    p : float or None
        Of the difference, corrected where it is one of many.
    p_equivalence : float or None
        Of two one-sided tests against the margin.
    """

    difference: Difference
    p: float | None
    p_equivalence: float | None
    verdict: Verdict


def write_study_page(found: Findings, path: Path) -> Path:
    """Write the page of a study to `path`."""
    metric = found.study.metric
    classes = len(found.config.task.classes)
    names = dict.fromkeys((metric, *found.study.figures))
    words = {name: metric_words(name, classes) for name in names}
    errors = [name for name, word in words.items() if word.aspect == "probabilities"]
    advice, of_each = confounds(list(found.confounds))
    return write_page(
        "study.html",
        path,
        {
            "found": found,
            "conditions": ordered(summary.condition for summary in found.summaries),
            "colours": CONDITION_VARIABLE,
            "metric": metric,
            "others": [name for name in names if name not in errors],
            "errors": errors,
            "names": words,
            "confounds": advice,
            "confounded": dict(zip(of_each, found.confounds.values(), strict=True)),
            "configuration_path": shell_path(path.with_name(CONFIGURATION), path.parent),
            "folder": shell_path(path.parent, path.parent),
            "only": ONLY,
            "summary": {(s.method, s.setting, s.condition, s.metric): s for s in found.summaries},
            "comparison": {
                (c.method, c.setting, c.condition, c.metric): c for c in found.comparisons
            },
            "arms": arms(found),
            "primary": _primary(found),
            "endpoint": endpoint_panels(found),
            "pairs": [(pair, _judged(pair.pooled, pair.p_holm, MARGIN)) for pair in found.pairs],
            "margin": MARGIN,
            "lede": _lede(found),
            "cautions": _cautions(found),
            "differences": difference_panels(found, metric),
            "curves": curve_panels(found, metric),
            "sites": site_panels(found, metric),
            "calibrations": calibration_panels(found, metric, errors[0]) if errors else [],
        },
    )


def ordered(conditions: Iterable[str]) -> list[str]:
    """Return each condition once, the usual ones first."""
    seen = dict.fromkeys(conditions)
    return [c for c in CONDITIONS if c in seen] + [c for c in seen if c not in CONDITIONS]


def arms(found: Findings) -> list[tuple[str, str]]:
    """Return method and setting of every arm, by setting."""
    seen = dict.fromkeys((s.method, s.setting) for s in found.summaries)
    return [arm for setting in found.settings for arm in seen if arm[1] == setting]


def _primary(found: Findings) -> dict[str, Judged]:
    """Return what the primary endpoint says under each setting, where the study names one."""
    stated = found.study.endpoint
    if stated is None:
        return {}
    return {
        setting: _judged(difference, difference.p, stated.margin)
        for setting, difference in found.endpoint.items()
        if difference.mean is not None
    }


def _judged(difference: Difference, p: float | None, margin: float) -> Judged:
    return Judged(difference, p, equivalence(difference, margin), verdict(difference, p, margin))


def _lede(found: Findings) -> str:
    methods = len({summary.method for summary in found.summaries})
    parts = [counted(methods, "method")]
    if len(found.settings) > 1:
        parts.append(counted(len(found.settings), "setting"))
    parts.append(counted(len(found.study.seeds), "seed"))
    judged = (
        "validation splits of the training sites; no held-out score is shown"
        if found.study.select
        else "sites that took no part in training"
    )
    return (
        f"{listed(parts)}: {counted(found.runs, 'run')}. A seed draws its own federation, "
        f"initial model and held-out sites. Figures are of {judged}."
    )


def _cautions(found: Findings) -> list[str]:
    """Say what a reader must know before trusting the figures."""
    cautions = []
    if found.quick:
        cautions.append(
            "This is the coarse version of the study (--quick): few rounds, cases and seeds. "
            "It shows that everything runs, not what the methods are worth."
        )
    if found.failed:
        cautions.append(f"{counted(len(found.failed), 'run')} failed and are missing here.")
    tuning = [seed for seed in found.study.seeds if seed < FIRST_RESULT_SEED]
    if tuning and not found.study.select:
        cautions.append(
            f"Seeds below {FIRST_RESULT_SEED} are for choices; results count on seeds that no "
            f"choice has seen."
        )
    return cautions
