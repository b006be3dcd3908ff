"""One eye with everything that can be seen in it, and the drawing of its lesions' places."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from fed.data.phantom.clinic.literature import CENTRE, CORRELATION, MICROMETRES
from fed.data.phantom.clinic.patient import Patient
from fed.data.phantom.findings import Cysts
from fed.data.phantom.raster import Array, Spots
from fed.data.phantom.vessels import Tree, grow

Range = tuple[float, float]

SPREAD = 0.5
"""Standard deviation of the logarithm of `private_amounts`."""

NOTHING = Spots(*np.zeros((4, 0), dtype=np.float32))
NO_CYSTS = Cysts(*np.zeros((5, 0), dtype=np.float32))


@dataclass(frozen=True)
class Lesions:
    """What is to be seen in an eye; spots are in radii of the photograph, heights in micrometres.

    Attributes
    ----------
    subtype : str
        Of the grade, for people to read.
    drusen : Spots
        Both modalities; `weight` is the height.
    atrophy : Spots
        Both: where their sum passes 1/2, pigment epithelium and photoreceptors are gone.
    depigmentation, pigment, membrane, blood : Spots
        Photograph: thinned and clumped pigment epithelium, a neovascular membrane, blood around it.
    aneurysms, haemorrhages, exudates, cotton_wool, preretinal : Spots
        Photograph, in diabetes (exudates also around a membrane).
    fluid, detachment, swelling : Spots
        OCT: under the retina, under the pigment epithelium, within the retina; `weight` is height.
    cysts : Cysts
        OCT.
    thickness : float or None
        Central subfield thickness that the swelling is made to give; None: as it comes.
    """

    subtype: str
    drusen: Spots = NOTHING
    atrophy: Spots = NOTHING
    depigmentation: Spots = NOTHING
    pigment: Spots = NOTHING
    membrane: Spots = NOTHING
    blood: Spots = NOTHING
    aneurysms: Spots = NOTHING
    haemorrhages: Spots = NOTHING
    exudates: Spots = NOTHING
    cotton_wool: Spots = NOTHING
    preretinal: Spots = NOTHING
    fluid: Spots = NOTHING
    detachment: Spots = NOTHING
    swelling: Spots = NOTHING
    cysts: Cysts = NO_CYSTS
    thickness: float | None = None


@dataclass(frozen=True)
class Eye:
    """An eye: its anatomy and its lesions.

    Attributes
    ----------
    grade : int
        The reference grade.
    side : float
        1 for a right eye, whose optic disc lies to the right of the fovea, else -1.
    disc : complex
        Centre of the optic disc, x + iy.
    disc_radius, cup : float
    vessels : Tree
    centre : float
        Central subfield thickness without disease, micrometres.
    """

    patient: Patient
    grade: int
    side: float
    disc: complex
    disc_radius: float
    cup: float
    vessels: Tree
    centre: float
    lesions: Lesions


def draw_eye(patient: Patient, right: bool, found: Lesions, random: np.random.Generator) -> Eye:
    """Draw the anatomy around the lesions of a patient's right or left eye."""
    side = 1.0 if right else -1.0
    trait = random.random(4).tolist()
    disc = complex(side * (0.60 + 0.05 * trait[0]), 0.06 * trait[1] - 0.06)
    mean, deviation = CENTRE[patient.male]
    return Eye(
        patient=patient,
        grade=patient.grades[0 if right else 1],
        side=side,
        disc=disc,
        disc_radius=0.125 + 0.02 * trait[2],
        cup=0.3 + 0.25 * trait[3],
        vessels=grow(disc, side, random),
        centre=mean + deviation * patient.thickness,
        lesions=found,
    )


def private_amounts(random: np.random.Generator) -> tuple[float, float]:
    """Return how much there is of what only the photograph shows, and of what only OCT shows.

    Factors around 1, log-normal, whose logarithms correlate by `CORRELATION`.
    """
    first, second = random.standard_normal(2).tolist()
    second = CORRELATION * first + (1 - CORRELATION**2) ** 0.5 * second
    return float(np.exp(SPREAD * first)), float(np.exp(SPREAD * second))


def scatter(
    random: np.random.Generator,
    count: int,
    within: float,
    diameter: Range,
    weight: Range = (0.8, 1.0),
    centre: tuple[float, float] = (0.0, 0.0),
    beyond: float = 0.0,
) -> Spots:
    """Scatter spots evenly over a ring around `centre`.

    Parameters
    ----------
    within, beyond : float
        Outer and inner radius of the ring, micrometres.
    diameter : tuple of float
        Least and largest diameter, micrometres; small ones are the more frequent.
    weight : tuple of float
        Least and largest height.
    centre : tuple of float
        In radii of the photograph.
    """
    u = random.random((4, count), dtype=np.float32)
    angle = 2 * np.pi * u[0]
    distance = np.sqrt(beyond**2 + (within**2 - beyond**2) * u[1]) / MICROMETRES
    size = diameter[0] + (diameter[1] - diameter[0]) * u[2] * u[2]
    height = weight[0] + (weight[1] - weight[0]) * u[3]
    return Spots(
        centre[0] + distance * np.cos(angle),
        centre[1] + distance * np.sin(angle),
        radius_of(size),
        height,
    )


def radius_of(diameter: Array | float) -> Array:
    """Return the standard deviation, in radii of the photograph, of a spot of a visible `diameter`."""
    return np.asarray(diameter, dtype=np.float32) / (2.355 * MICROMETRES)


def together(parts: Iterable[Spots]) -> Spots:
    """Return the spots of all parts."""
    found: Sequence[Spots] = tuple(parts)
    return Spots(*(np.concatenate([part[i] for part in found]) for i in range(4)))


def single(x: float, y: float, diameter: float, weight: float) -> Spots:
    """Return one spot of a `diameter` in micrometres at a place in radii of the photograph."""
    place = np.array([[x], [y], [float(radius_of(diameter))], [weight]], dtype=np.float32)
    return Spots(*place)


def log_normal(
    random: np.random.Generator, mean: float, deviation: float, amount: float | None = None
) -> float:
    """Draw from the log-normal distribution of this mean and standard deviation.

    Parameters
    ----------
    amount : float or None
        One of `private_amounts`, whose rank the value is to have; None: a rank of its own.
    """
    spread2 = np.log1p((deviation / mean) ** 2)
    normal = random.standard_normal() if amount is None else np.log(amount) / SPREAD
    return float(mean * np.exp(np.sqrt(spread2) * normal - spread2 / 2))


def cystoid(
    random: np.random.Generator,
    count: int,
    within: float,
    centre: tuple[float, float],
    amount: float,
) -> Cysts:
    """Draw `count` pockets of fluid in the nuclear layers around `centre`."""
    place = scatter(random, count, within, (180, 420), centre=centre)
    u = random.random((2, count), dtype=np.float32)
    height = (0.10 + 0.12 * u[1]) * min(0.5 + 0.5 * amount, 1.3)
    return Cysts(place.x, place.y, 0.32 + 0.3 * u[0], place.radius, height)
