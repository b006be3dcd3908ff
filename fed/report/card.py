"""The model card of a run, in Markdown (Mitchell et al., Model Cards for Model Reporting, 2019)."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from fed.report.notices import notices
from fed.report.words import (
    GIVEN,
    UNDEFINED,
    by_grade,
    counted,
    interval,
    listed,
    metric_words,
    number,
    resampled,
    summary,
)
from fed.results import Estimate, Run
from fed.sites import MODALITIES
from fed.storage import write_text

NAME = "model-card.md"
CALIBRATION = ("ece", "nll", "brier")


def write_card(run: Run, path: Path, files: Sequence[str] = ()) -> None:
    """Write the model card of a run.

    Parameters
    ----------
    files : sequence of str
        What is to be told of files that the model was exported to.
    """
    write_text(path, "\n".join(_lines(run, files)) + "\n")


def _lines(run: Run, files: Sequence[str]) -> Iterator[str]:
    results = run.results
    yield f"# Model card: {results.name}, {results.method}, seed {results.seed}"
    yield from ("", summary(results), "")
    yield from _model(run, files)
    yield from _data(run)
    yield from _scores(run)
    yield from _limits(run)


def _model(run: Run, files: Sequence[str]) -> Iterator[str]:
    file = run.model_file
    slices, depth, width = file.volume_size
    yield from ("## Model", "")
    yield f"- Grades: {listed(file.classes)}."
    yield (
        f"- Takes a fundus photograph of {file.image_size} x {file.image_size} pixels, an OCT of "
        f"{slices} x {depth} x {width} (slices, depth, width), or both."
    )
    yield f"- SHA-256 of `model.safetensors`: `{run.weights.digest}`"
    versions = (f"{name} {version}" for name, version in run.results.versions.items())
    yield f"- Versions: {', '.join(versions)}."
    yield from (f"- {told}" for told in files)
    yield ""


def _data(run: Run) -> Iterator[str]:
    results = run.results
    yield from ("## Data", "")
    yield from (f"- {account}" for account in results.accounts)
    if not run.config.data.real:
        yield "- The eyes are synthetic (phantoms): no patient was pictured."
    if results.privacy is not None:
        asked = results.privacy
        yield (
            f"- Each patient of a training site has differential privacy: epsilon {asked.epsilon:g} at "
            f"delta {asked.delta:g}, over the whole run."
        )
    yield from ("", "| site | role | owns | cases |", "|---|---|---|---:|")
    for card in results.sites:
        owns = " + ".join(m for m in MODALITIES if m in card.modalities) or "nothing"
        yield f"| {card.name} | {card.role.replace('_', ' ')} | {owns} | {card.total:,} |"
    yield ""


def _scores(run: Run) -> Iterator[str]:
    results = run.results
    yield from ("## Scores at sites that took no part in training", "")
    yield f"Value with its 95 % interval ({resampled(len(results.with_role('held_out')))})."
    for title, names in (("", results.shown), ("### Calibration", CALIBRATION)):
        yield from (["", title, ""] if title else [""])
        heads = [metric_words(name, len(results.classes)).title for name in names]
        yield "| given | cases | " + " | ".join(heads) + " |"
        yield "|---|---|" + "---:|" * len(heads)
        for condition in results.conditions:
            count = results.held_out.counts.pooled.get(condition)
            told = UNDEFINED
            if count is not None:
                told = f"{counted(count.cases, 'case')}: {by_grade(count, results.classes)}"
            cells = (_cell(results.pooled(condition, name)) for name in names)
            yield f"| {GIVEN[condition]} | {told} | " + " | ".join(cells) + " |"
    yield ""


def _limits(run: Run) -> Iterator[str]:
    results = run.results
    yield from ("## Limits", "")
    yield "- Made for research; no medical device, and tested in no clinic."
    yield "- It was judged at the sites above. Other cameras and patients can be graded worse."
    absent = [given for condition, given in GIVEN.items() if condition not in results.conditions]
    if absent:
        yield f"- Not judged given {listed(absent)}."
    for notice in notices(results):
        yield from (f"- {notice.title}: {item}" for item in notice.items)


def _cell(estimate: Estimate) -> str:
    between = interval(estimate)
    return number(estimate.value) + (f" ({between})" if between else "")
