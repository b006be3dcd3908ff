"""Patients with named diseases: the second generation of phantom eyes (docs/phantom.md)."""

import numpy as np

from fed.data.phantom.clinic.amd import draw_amd
from fed.data.phantom.clinic.diabetes import draw_diabetes
from fed.data.phantom.clinic.eye import Eye, draw_eye
from fed.data.phantom.clinic.patient import Disease, Patient, as_recorded, draw_patient

__all__ = ["DISEASES", "Eye", "Patient", "as_recorded", "draw_patient", "eye_of"]

DISEASES: dict[str, tuple[Disease, ...]] = {
    "grade": ("amd", "diabetes"),
    "amd": ("amd",),
    "dr": ("diabetes",),
}
"""What the patients have, by what is graded; `grade` is a clinic with as many of either."""


def eye_of(patient: Patient, right: bool, random: np.random.Generator) -> Eye:
    """Draw the right or the left eye of a patient."""
    grade = patient.grades[0 if right else 1]
    amd = patient.disease == "amd"
    found = draw_amd(grade, random) if amd else draw_diabetes(grade, patient, random)
    return draw_eye(patient, right, found, random)
