"""Prediction sets of `fedrima predict`: on whose graded eyes they are calibrated."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console

from clients.batches import concatenate
from clients.grading import TrainedModel
from clients.grading.encoding import Encoding
from clients.grading.sets import Thresholds, graded_under, thresholds_at
from clients.grading.table import Answers
from fed.config.judging import Sets
from fed.data.ungraded import EyeList, read_graded
from fed.errors import ConfigError, DataError
from fed.judgement.conformal import fewest
from fed.report.words import counted, listed
from fedrima.outcome import Run
from model.rima import Features


@dataclass(frozen=True)
class Calibration:
    """Calibration on graded eyes of the hospital, by those who will grade the others.

    Attributes
    ----------
    model : TrainedModel
    answers : Answers
    encoding : Encoding
    """

    model: TrainedModel
    answers: Answers
    encoding: Encoding

    def on(self, path: Path, run: Run, eyes: EyeList, console: Console) -> Thresholds:
        """Return the thresholds that a manifest of graded eyes gives.

        Raises
        ------
        ConfigError
            If a patient is among these eyes and among those that are to get sets.
        DataError
            If the manifest is wrong, or no eye of it can be read.
        """
        listed_eyes, labels = read_graded(path, self.model.config)
        _check_apart(path, listed_eyes, eyes)
        with self.encoding(listed_eyes.eyes) as parts:
            seen = list(parts)
        read = [eye for part in seen for eye in part.eyes]
        if not read:
            raise DataError(f"{path}: no graded eye can be read")
        lost = len(listed_eyes.unreadable) + sum(len(part.unreadable) for part in seen)
        features = concatenate([part.features for part in seen])
        coverage = (run.config.evaluation.sets or Sets()).coverage
        console.print(
            f"{path}: prediction sets calibrated on {counted(len(read), 'graded eye')} for a "
            f"coverage of {coverage:g}; {lost:,} of its rows or images not readable"
        )
        _tell_too_few(features, coverage, console)
        grades = np.array([labels[eye.case_id] for eye in read], dtype=np.int64)
        return thresholds_at(self.answers, features, grades, coverage)


def of_the_federation(run: Run, adapted: bool, console: Console) -> Thresholds:
    """Return the thresholds that the run itself has for all hospitals; nothing where it has none.

    They are of the model as it came: an adapted one gives other probabilities.
    """
    asked, found = run.config.evaluation.sets, run.results.sets
    if asked is None:
        return {}
    if asked.calibrate == "local" or adapted or found is None:
        console.print(
            f"{run.folder}: no prediction sets: they take graded eyes of the hospital itself "
            "(--calibrate MANIFEST)"
        )
        return {}
    console.print(
        f"{run.folder}: prediction sets calibrated on the training sites for a coverage of "
        f"{asked.coverage:g}. It is not promised at another hospital; graded eyes of its own promise "
        "it (--calibrate MANIFEST)"
    )
    return {c: each.threshold for c, each in found.pooled.items() if each.threshold is not None}


def _check_apart(path: Path, calibrated: EyeList, eyes: EyeList) -> None:
    both = {e.patient_id for e in calibrated.eyes} & {e.patient_id for e in eyes.eyes}
    if both:
        raise ConfigError(
            f"--calibrate: {counted(len(both), 'patient')}, such as {min(both)!r}, of {path} "
            "are among the eyes to grade, too; a set promises nothing of eyes that it was calibrated "
            "on. Leave them out of one of the tables"
        )


def _tell_too_few(features: Features, coverage: float, console: Console) -> None:
    """Say under which conditions a set can only be all grades."""
    numbers = {condition: len(rows) for condition, rows in graded_under(features).items()}
    words = [f"{n} for {condition}" for condition, n in numbers.items() if n < fewest(coverage)]
    if words:
        console.print(
            f"too few graded eyes: {listed(words)}; there every set holds all grades. It takes "
            f"{fewest(coverage)} at least"
        )
