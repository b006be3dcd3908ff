"""Patients: what both eyes have in common, and how the grade of one bears on the other's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from fed.data.phantom.clinic.literature import FELLOW, OFF_BY_ONE

Disease = Literal["amd", "diabetes"]
GRADES = 4
"""None, early or mild, intermediate or moderate, late or severe."""

T = TypeVar("T")


@dataclass(frozen=True)
class Patient:
    """What the two eyes of a patient share.

    Attributes
    ----------
    disease : {"amd", "diabetes"}
        What the patient has, or is examined for.
    male : bool
    pigment : float
        Pigmentation of the fundus, 0 (fair) to 1 (dark).
    thickness : float
        Thickness of the retina, in standard deviations of people of the same sex.
    choroid : float
        Relative thickness of the choroid.
    grades : tuple of int
        Reference grades of the right and the left eye.
    """

    disease: Disease
    male: bool
    pigment: float
    thickness: float
    choroid: float
    grades: tuple[int, int]


def draw_patient(
    proportions: NDArray[np.float64], diseases: tuple[Disease, ...], random: np.random.Generator
) -> Patient:
    """Draw a patient whose eyes have each grade with its share in `proportions` ``(4,)``.

    The second eye has the grade of the first with the probability `FELLOW`, and one of its own
    otherwise, so that their kappa is `FELLOW` whatever the proportions.
    """
    right, own = (_grade(proportions, random) for _ in range(2))
    left = right if random.random() < FELLOW else own
    return Patient(
        disease=diseases[int(random.random() * len(diseases))],
        male=random.random() < 0.5,
        pigment=random.random(),
        thickness=float(random.standard_normal()),
        choroid=0.8 + 0.4 * random.random(),
        grades=(right, left),
    )


def as_recorded(grade: int, random: np.random.Generator) -> int:
    """Return the label that a grader gives to an eye of `grade`: at times a neighbouring one."""
    if random.random() >= OFF_BY_ONE:
        return grade
    step = 1 if random.random() < 0.5 else -1
    beside = grade + step
    return beside if 0 <= beside < GRADES else grade - step


def pick(shares: Mapping[T, float], random: np.random.Generator) -> T:
    """Draw one of the keys of `shares`, which add up to 1."""
    names = list(shares)
    reached = np.cumsum(list(shares.values()))[:-1]
    return names[int(np.searchsorted(reached, random.random(), "right"))]


def _grade(proportions: NDArray[np.float64], random: np.random.Generator) -> int:
    return int(np.searchsorted(np.cumsum(proportions)[:-1], random.random(), "right"))
