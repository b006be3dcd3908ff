"""What `fedrima predict` does, once it is known what is asked for."""

import hashlib
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import Progress

from clients.batches import concatenate
from clients.grading import TrainedModel
from clients.grading.adaptation import Adaptation
from clients.grading.encoding import Encoding, parted
from clients.grading.journal import Journal
from clients.grading.maps import check_maps
from clients.grading.sets import PredictionSets, Thresholds
from clients.grading.table import UNREADABLE, Answers, Column, Sheet, unreadable_rows
from clients.grading.unlike import Unlike
from fed.data.ungraded import EyeList, read_counts, read_eyes
from fed.errors import ConfigError, DataError
from fed.report.words import counted
from fed.results import write_predictions
from fedrima.calibrating import Calibration, of_the_federation
from fedrima.eyes_page import write_worst
from fedrima.outcome import Run


@dataclass(frozen=True)
class Grading:
    """What a person asks for on the command line of `fedrima predict`.

    Attributes
    ----------
    run, eyes : Path
        The folder of a finished run; a manifest, or the folder of a collection.
    out : Path or None
        The table to write; None: ``<eyes>-graded.csv`` here.
    source, label : str
        What `eyes` is, and what a collection that grades several things is asked for.
    site : str or None
        Whose model, where sites keep models of their own.
    adapt, counts : Path or None
        The hospital's archive, and its counts by grade.
    calibrate : Path or None
        A manifest of graded eyes of the hospital, for prediction sets.
    workers : int
    page : Path or None
        A page of the worst eyes.
    """

    run: Path
    eyes: Path
    out: Path | None = None
    source: str = "manifest"
    label: str = "grade"
    site: str | None = None
    adapt: Path | None = None
    counts: Path | None = None
    calibrate: Path | None = None
    workers: int = 1
    page: Path | None = None


def grade(asked: Grading, console: Console) -> Path:
    """Grade eyes with a finished model; return the table.

    Raises
    ------
    UserError
        If the run, the eyes, the archive or the counts are wrong, or no eye can be graded.
    """
    out = asked.out or Path(f"{asked.eyes.resolve().stem}-graded.csv")
    listed = out.with_name(f"{out.stem}-unreadable.csv")
    _check(asked, out, listed)
    run = Run.load(asked.run)
    model = TrainedModel.of(run, asked.site)
    if asked.page is not None:
        check_maps(model)
    eyes = read_eyes(asked.source, asked.eyes, asked.label)
    encoding = Encoding(model, asked.workers)
    answers = _answers(asked, model, encoding, console)
    thresholds = _thresholds(asked, run, eyes, Calibration(model, answers, encoding), console)
    sheet = Sheet(model, answers, _columns(run, model, thresholds, console))
    journal = Journal(out.with_name(f".{out.name}.so-far"), _purpose(asked, model, thresholds))
    if not journal.parts and eyes.eyes:
        console.print(f"{asked.eyes}: {counted(len(eyes.eyes), 'eye')} to grade")
    _grade(encoding, sheet, eyes, journal, console)
    unreadable = [*unreadable_rows(eyes.unreadable), *journal.unreadable]
    write_predictions(listed, UNREADABLE, unreadable)
    if not journal.rows:
        journal.close()
        raise DataError(f"{asked.eyes}: no eye can be graded; {listed} says why")
    if asked.page is not None:
        write_worst(asked.page, model, run.results, eyes.eyes, sheet.heads, journal.rows)
        console.print(f"page: {asked.page}", soft_wrap=True)
    write_predictions(out, sheet.heads, journal.rows)
    journal.close()
    console.print(f"{out}: {counted(len(journal.rows), 'eye')} graded", soft_wrap=True)
    console.print(f"{listed}: {len(unreadable):,} rows or images not readable", soft_wrap=True)
    return out


def _check(asked: Grading, *files: Path) -> None:
    """Refuse what could not be finished.

    Raises
    ------
    ConfigError
        Naming the option.
    """
    if (asked.adapt is None) is not (asked.counts is None):
        raise ConfigError(
            "--adapt and --counts: give both; an archive whose grades nobody has counted was found "
            "to bring nothing certain (docs/onboarding.md)"
        )
    for path in files:
        if path.exists():
            raise ConfigError(f"--out: {path} is there already; name another file, or move it")
    for option, wanted in (("--out", files[0]), ("--page", asked.page)):
        if wanted is not None and not wanted.parent.is_dir():
            raise ConfigError(f"{option}: there is no folder {wanted.parent}")


def _answers(asked: Grading, model: TrainedModel, encoding: Encoding, console: Console) -> Answers:
    """Return who grades: the model as it came, or adapted to the hospital."""
    if asked.adapt is None or asked.counts is None:
        return model
    counts = read_counts(asked.counts, model.classes)
    archive = read_eyes(asked.source, asked.adapt, asked.label)
    with encoding(archive.eyes) as parts:
        seen = list(parts)
    read = sum(len(part.eyes) for part in seen)
    lost = len(archive.unreadable) + sum(len(part.unreadable) for part in seen)
    if not read:
        raise DataError(f"{asked.adapt}: no eye of the archive can be read")
    console.print(
        f"{asked.adapt}: adapted to {counted(read, 'eye')} of the archive; {lost:,} of its rows or "
        "images not readable"
    )
    return Adaptation(model, concatenate([part.features for part in seen]), np.array(counts))


def _thresholds(
    asked: Grading, run: Run, eyes: EyeList, calibration: Calibration, console: Console
) -> Thresholds:
    """Return what prediction sets are made with; nothing where none can be given."""
    if asked.calibrate is not None:
        return calibration.on(asked.calibrate, run, eyes, console)
    return of_the_federation(run, adapted=asked.adapt is not None, console=console)


def _columns(
    run: Run, model: TrainedModel, thresholds: Thresholds, console: Console
) -> list[Column]:
    """Return what the run can tell of an eye beside its grade."""
    sets: list[Column] = [PredictionSets(thresholds, model.classes)] if thresholds else []
    reference = run.model_file.distances
    if model.bank and reference:
        return [*sets, Unlike(model.bank, reference)]
    console.print(
        f"{run.folder}: keeps no prototypes of its last encoders: nothing tells where an eye is unlike "
        "those it trained on"
    )
    return sets


def _grade(
    encoding: Encoding, sheet: Sheet, eyes: EyeList, journal: Journal, console: Console
) -> None:
    """Grade the parts that the journal lacks."""
    with ExitStack() as stack:
        bar = stack.enter_context(Progress(console=console, transient=True))
        task = bar.add_task("grading eyes", total=len(eyes.eyes))
        bar.advance(task, sum(map(len, parted(eyes.eyes)[: journal.parts])))
        sizes = map(len, parted(eyes.eyes)[journal.parts :])
        for size, seen in zip(
            sizes, stack.enter_context(encoding(eyes.eyes, journal.parts)), strict=True
        ):
            journal.add(sheet.rows(seen), unreadable_rows(seen.unreadable))
            bar.advance(task, size)


def _purpose(asked: Grading, model: TrainedModel, thresholds: Thresholds) -> dict[str, Any]:
    """Return all that rows depend on, apart from what is in the image files."""
    return {
        "model": model.digest,
        "site": asked.site,
        "eyes": _digest(asked.eyes),
        "source": asked.source,
        "label": asked.label,
        "archive": _digest(asked.adapt),
        "counts": _digest(asked.counts),
        "sets": dict(thresholds),
    }


def _digest(path: Path | None) -> str | None:
    """Return a hash of a table, or the path of a folder."""
    if path is None or path.is_dir():
        return None if path is None else str(path.resolve())
    return hashlib.sha256(path.read_bytes()).hexdigest()
