"""Age-related macular degeneration by the Beckman classes (Ferris 2013), late as either subtype."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from fed.data.phantom.clinic import literature as known
from fed.data.phantom.clinic.eye import (
    Lesions,
    cystoid,
    log_normal,
    private_amounts,
    scatter,
    single,
    together,
)
from fed.data.phantom.clinic.patient import pick
from fed.data.phantom.raster import Spots

Place = tuple[float, float]

_MACULA = 3000.0
"""Radius that drusen lie in: two disc diameters (Ferris 2013)."""


def draw_amd(grade: int, random: np.random.Generator) -> Lesions:
    """Draw what there is to see in an eye of Beckman's `grade`, 0 (none) to 3 (late)."""
    if grade == 0:
        return Lesions("none", drusen=_drusen(random, 4, 0, 0))
    if grade == 1:
        return Lesions("medium drusen", drusen=_drusen(random, 6, 3 + random.poisson(9), 0))
    if grade == 2:
        return _intermediate(random, pick(known.INTERMEDIATE, random))
    late = pick(known.LATE, random)
    return _atrophic(random) if late == "atrophy" else _neovascular(random)


def _drusen(random: np.random.Generator, small: int, medium: int, large: int) -> Spots:
    """Draw drusen by size; a druse is about 0.45 as high as wide, up to 140 micrometres."""
    sizes = ((random.poisson(small), 30, known.MEDIUM), (medium, known.MEDIUM, known.LARGE))
    found = together(
        [
            *(scatter(random, count, _MACULA, (low, high)) for count, low, high in sizes),
            scatter(random, large, 1800, (known.LARGE, 420)),
        ]
    )
    height = np.minimum(0.45 * 2.355 * known.MICROMETRES * found.radius, 140) * found.weight
    return found._replace(weight=height.astype(np.float32))


def _intermediate(random: np.random.Generator, subtype: str) -> Lesions:
    in_photograph, _ = private_amounts(random)
    large = 2 + random.poisson(9) if "large" in subtype else 0
    drusen = [_drusen(random, 6, 5 + random.poisson(10), large)]
    if large and random.random() < known.DRUSENOID_DETACHMENT:
        diameter = random.uniform(*known.DRUSENOID_DIAMETER)
        x, y = _near_fovea(random, 500)
        drusen.append(single(x, y, diameter, log_normal(random, *known.DRUSENOID_HEIGHT)))
    found = Lesions(subtype, drusen=together(drusen))
    if "pigment" in subtype:
        found = _pigment_change(found, in_photograph, random)
    if random.random() < known.INCOMPLETE_ATROPHY:
        x, y = _near_fovea(random, 1200)
        width = random.uniform(120, known.COMPLETE_ATROPHY)
        found = replace(found, atrophy=single(x, y, width, 1.0))
    return found


def _pigment_change(found: Lesions, amount: float, random: np.random.Generator) -> Lesions:
    """Add clumps of pigment, and pigment epithelium that is thinned but there."""
    return replace(
        found,
        pigment=scatter(random, 1 + random.poisson(4 * amount), 1500, (80, 320)),
        depigmentation=scatter(random, random.poisson(1.5 * amount), 1500, (250, 1100)),
    )


def _atrophic(random: np.random.Generator) -> Lesions:
    """Draw geographic atrophy, which lies on a disc or a ring of patches around the fovea."""
    in_photograph, in_oct = private_amounts(random)
    side = max(log_normal(random, *known.ATROPHY_SIDE), 600)
    patches = 2 + random.poisson(2) if random.random() < known.MULTIFOCAL else 1
    foveal = random.random() < known.FOVEAL
    diameter = 1.42 * side / patches**0.5
    start = random.random() * 2 * np.pi
    around = start + 2 * np.pi * (np.arange(patches) + 0.4 * random.random(patches)) / patches
    reach = np.full(patches, 0.62 * diameter + 350 + 250 * random.random())
    if foveal:
        reach[0] = 200 * random.random()
    lobes = [
        scatter(
            random,
            5,
            0.42 * diameter,
            (0.34 * diameter, 0.5 * diameter),
            weight=(0.7, 0.9),
            centre=(float(r * np.cos(a)), float(r * np.sin(a))),
        )
        for r, a in zip(reach / known.MICROMETRES, around, strict=True)
    ]
    large = 2 + random.poisson(5) if random.random() < 0.8 else 0
    found = Lesions(
        "geographic atrophy",
        atrophy=together(lobes),
        drusen=_drusen(random, 4, 4 + random.poisson(6), large),
        pigment=scatter(random, random.poisson(3 * in_photograph), 2000, (80, 300)),
    )
    if random.random() < known.PSEUDOCYSTS:
        where = (float(lobes[0].x.mean()), float(lobes[0].y.mean()))
        count = 1 + random.poisson(2 * in_oct)
        found = replace(found, cysts=cystoid(random, count, 900, where, 0.6))
    return found


class _Membrane(NamedTuple):
    """Where new vessels grow: centre in radii of the photograph, diameter in micrometres."""

    place: Place
    diameter: float


def _neovascular(random: np.random.Generator) -> Lesions:
    """Draw a neovascular membrane with what leaks from it, at one place in both modalities."""
    in_photograph, in_oct = private_amounts(random)
    area = log_normal(random, known.LESION_AREA, 0.8 * known.LESION_AREA)
    membrane = _Membrane(_near_fovea(random, 600), 1.13 * area**0.5)
    large = 2 + random.poisson(6) if random.random() < 0.8 else 0
    found = Lesions("neovascular", drusen=_drusen(random, 4, 4 + random.poisson(6), large))
    if random.random() < known.SEEN_IN_PHOTOGRAPH:
        found = _in_photograph(found, membrane, in_photograph, random)
    if random.random() < known.SEEN_IN_OCT:
        found = _in_oct(found, membrane, in_oct, random)
    return found


def _in_photograph(
    found: Lesions, membrane: _Membrane, amount: float, random: np.random.Generator
) -> Lesions:
    """Add the membrane; blood and lipid where the photograph shows activity."""
    place, wide = membrane
    patch = scatter(random, 4, 0.25 * wide, (0.45 * wide, 0.7 * wide), centre=place)
    found = replace(found, membrane=patch)
    if random.random() >= known.ACTIVE_IN_PHOTOGRAPH / known.SEEN_IN_PHOTOGRAPH:
        return found
    pools, lipid = 2 + random.poisson(4 * amount), random.poisson(10 * amount)
    size = (250, 500 + 500 * min(amount, 2))
    rim = 0.35 * wide
    return replace(
        found,
        blood=scatter(random, pools, 0.6 * wide, size, centre=place, beyond=rim),
        exudates=scatter(random, lipid, 0.8 * wide, (60, 160), centre=place, beyond=rim),
    )


def _in_oct(
    found: Lesions, membrane: _Membrane, amount: float, random: np.random.Generator
) -> Lesions:
    """Add fluid in, under and below the retina; the thickness is that of eyes in trials."""
    place, wide = membrane
    intraretinal, subretinal, detached = (
        random.random(3) < (known.INTRARETINAL, known.SUBRETINAL, known.DETACHED)
    ).tolist()
    thickness = max(log_normal(random, *known.NEOVASCULAR_THICKNESS, amount), 180.0)
    excess = max(thickness - known.CENTRE[False][0], 60.0)
    swelling = single(*place, max(wide, 1400), 1.0)
    found = replace(found, swelling=swelling, thickness=thickness)
    if intraretinal:
        pockets = 3 + random.poisson(7 * amount)
        found = replace(found, cysts=cystoid(random, pockets, 1200, place, amount))
    if subretinal:
        height = min(excess * random.uniform(0.2, 0.5), 250)
        found = replace(found, fluid=single(*place, 1.1 * max(wide, 1200), height))
    if detached:
        x, y = place[0] + random.uniform(-0.06, 0.06), place[1] + random.uniform(-0.06, 0.06)
        mound = single(x, y, random.uniform(900, 2200), min(excess * random.uniform(0.2, 0.6), 400))
        found = replace(found, detachment=mound)
    return found


def _near_fovea(random: np.random.Generator, within: float) -> Place:
    angle, distance = 2 * np.pi * random.random(), within * random.random() ** 0.5
    return (
        float(distance * np.cos(angle) / known.MICROMETRES),
        float(distance * np.sin(angle) / known.MICROMETRES),
    )
