"""What two runs have in common: the same eyes, graded by both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fed.metrics import patients_of_sites
from fed.results import Run

if TYPE_CHECKING:
    import pandas as pd

Key = tuple[str, str]
"""Site and case."""


@dataclass(frozen=True)
class Answers:
    """What one model says of shared cases: their positions (m,), probabilities (m, K)."""

    rows: NDArray[np.int64]
    probabilities: NDArray[np.float64]


@dataclass(frozen=True)
class SharedCases:
    """The cases that two runs have graded, under one condition.

    Attributes
    ----------
    sites, patients : tuple of str
        Of each case; a patient's name tells sites apart.
    labels : array (n,)
    reference, other : tuple of Answers
        Of the model of each run, or of each of its models where sites keep their own.
    """

    sites: tuple[str, ...]
    patients: tuple[str, ...]
    labels: NDArray[np.int64]
    reference: tuple[Answers, ...]
    other: tuple[Answers, ...]

    def __len__(self) -> int:
        return len(self.labels)


def same_eyes(reference: Run, other: Run) -> bool:
    """Return whether cases of the same name are the same eyes in both runs.

    A phantom eye is drawn with the seed; a case that has another patient or label is another eye,
    and then all names mean something else.
    """
    drawn = any(not run.config.data.real for run in (reference, other))
    if drawn and reference.results.seed != other.results.seed:
        return False
    one, two = _eyes(reference.predictions), _eyes(other.predictions)
    return all(one[key] == two[key] for key in one.keys() & two.keys())


def shared_cases(reference: Run, other: Run) -> dict[str, SharedCases]:
    """Return the cases that both runs have graded, by condition; see `same_eyes`.

    The order is that of the cases' names, so that it depends on neither run.
    """
    found: dict[str, SharedCases] = {}
    if not same_eyes(reference, other):
        return found
    eyes = _eyes(reference.predictions)
    for condition in reference.results.conditions:
        tables = [_by_model(run, condition) for run in (reference, other)]
        graded = [{key for table in by_model.values() for key in table} for by_model in tables]
        keys = sorted(graded[0] & graded[1])
        if keys:
            sites = tuple(site for site, _ in keys)
            one, two = (_answers(keys, by_model) for by_model in tables)
            found[condition] = SharedCases(
                sites,
                tuple(patients_of_sites([eyes[key][0] for key in keys], sites)),
                np.array([eyes[key][1] for key in keys], dtype=np.int64),
                one,
                two,
            )
    return found


def _eyes(predictions: "pd.DataFrame") -> dict[Key, tuple[str, int]]:
    """Return patient and label of every case."""
    names = zip(predictions["site"], predictions["case_id"], strict=True)
    eyes = zip(predictions["patient_id"], predictions["label"], strict=True)
    return dict(zip(names, eyes, strict=True))


def _by_model(run: Run, condition: str) -> dict[str, dict[Key, NDArray[np.float64]]]:
    """Return the probabilities (K,) of every case, by model; the global one has no name."""
    rows = run.predictions[run.predictions["condition"] == condition]
    models = rows["model"] if "model" in rows else [""] * len(rows)
    columns = [f"p_{k}" for k in range(len(run.results.classes))]
    found: dict[str, dict[Key, NDArray[np.float64]]] = {}
    for model, site, case, p in zip(
        models, rows["site"], rows["case_id"], rows[columns].to_numpy(np.float64), strict=True
    ):
        found.setdefault(model, {})[site, case] = p
    return found


def _answers(
    keys: Sequence[Key], by_model: Mapping[str, Mapping[Key, NDArray[np.float64]]]
) -> tuple[Answers, ...]:
    answers = []
    for _, table in sorted(by_model.items()):
        rows = [row for row, key in enumerate(keys) if key in table]
        if rows:
            p = np.stack([table[keys[row]] for row in rows])
            answers.append(Answers(np.array(rows, dtype=np.int64), p))
    return tuple(answers)
