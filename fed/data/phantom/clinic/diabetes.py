"""Diabetic eye disease on two axes: retinopathy in the photograph, macular oedema in OCT.

The level is that of the international scale (Wilkinson 2003): none, mild, moderate, severe with
proliferative. Oedema is absent, far from the centre, near it, or in it; in it means a central
subfield thickness beyond the thresholds of the DRCR network. The grade is the larger of the two.
"""

from dataclasses import replace

import numpy as np

from fed.data.phantom.clinic import literature as known
from fed.data.phantom.clinic.eye import (
    NOTHING,
    Lesions,
    cystoid,
    log_normal,
    private_amounts,
    scatter,
    single,
)
from fed.data.phantom.clinic.patient import Patient, pick

LEVELS = ("no retinopathy", "mild", "moderate", "severe or proliferative")
OEDEMA = ("no oedema", "oedema far from the centre", "near the centre", "in the centre")
_RETINA = 6200.0
"""Radius of the photograph that haemorrhages are scattered over, micrometres."""


def draw_diabetes(grade: int, patient: Patient, random: np.random.Generator) -> Lesions:
    """Draw what there is to see in a diabetic eye of `grade`, 0 (none) to 3 (sight-threatening)."""
    level, oedema = pick(known.RETINOPATHY[grade], random)
    in_photograph, in_oct = private_amounts(random)
    angle = 2 * np.pi * random.random()
    distance = {0: 0.0, 1: 2300.0, 2: 1100.0, 3: 350.0}[oedema] / known.MICROMETRES
    place = (float(distance * np.cos(angle)), float(distance * np.sin(angle)))
    found = Lesions(f"{LEVELS[level]}, {OEDEMA[oedema]}")
    found = _retinopathy(found, level, in_photograph, random)
    if level >= 2:
        found = _exudates(found, oedema, place, in_photograph, random)
    return _swollen(found, oedema, place, in_oct, patient, random)


def _retinopathy(found: Lesions, level: int, amount: float, random: np.random.Generator) -> Lesions:
    """Draw what the level is read from: red dots, blots in four quadrants, cotton wool, blood."""
    if level == 0:
        return found
    dots = {1: 1 + random.poisson(4), 2: 5 + random.poisson(12), 3: 12 + random.poisson(20)}
    found = replace(found, aneurysms=scatter(random, dots[level], 3500, (50, 110)))
    if level == 1:
        return found
    blots = 3 + random.poisson(14 * amount) if level == 2 else 84 + random.poisson(25 * amount)
    preretinal = NOTHING
    if level == 3 and random.random() < 0.4:
        height = float(random.choice([-1.0, 1.0])) * random.uniform(0.28, 0.45)
        preretinal = single(random.uniform(-0.4, 0.4), height, random.uniform(900, 2400), 1.0)
    return replace(
        found,
        haemorrhages=scatter(random, blots, _RETINA, (80, 300), beyond=700),
        cotton_wool=scatter(random, random.poisson(level - 1.4), 4500, (350, 700), beyond=1500),
        preretinal=preretinal,
    )


def _exudates(
    found: Lesions,
    oedema: int,
    place: tuple[float, float],
    amount: float,
    random: np.random.Generator,
) -> Lesions:
    """Draw lipid in a ring around the swelling, or somewhere near the centre without any."""
    chance = known.EXUDATES_WITHOUT_OEDEMA if oedema < 3 else known.EXUDATES_WITH_OEDEMA
    if random.random() >= chance:
        return found
    if oedema == 0:
        spot = scatter(random, 1, 1800, (1, 2), beyond=500)
        place = (float(spot.x[0]), float(spot.y[0]))
    count = 3 + random.poisson(10 * amount)
    ring = scatter(random, count, 850, (60, 200), centre=place, beyond=500)
    return replace(found, exudates=ring)


def _swollen(
    found: Lesions,
    oedema: int,
    place: tuple[float, float],
    amount: float,
    patient: Patient,
    random: np.random.Generator,
) -> Lesions:
    """Draw swelling and cysts; in the centre they make it as thick as eyes in trials are."""
    if oedema == 0:
        return found
    pockets = random.poisson((3 if oedema < 3 else 7) * (0.5 + amount))
    cysts = cystoid(random, pockets, 650 if oedema < 3 else 1000, place, amount)
    if oedema < 3:
        height = min(45 + 45 * amount, 160.0)
        return replace(found, cysts=cysts, swelling=single(*place, 1100, height))
    thickness = log_normal(random, *known.OEDEMA_THICKNESS, amount)
    while thickness < known.THRESHOLD[patient.male]:
        thickness = log_normal(random, *known.OEDEMA_THICKNESS)
    return replace(found, cysts=cysts, swelling=single(*place, 2400, 1.0), thickness=thickness)
