"""The synthetic patient: severity, the findings it brings, and the anatomy they lie in.

Lesions scatter around what severity calls for, through noise of three kinds: in what both
modalities show, in what only the photograph shows, and in what only OCT shows. An eye that bleeds
more than its grade leaks less, so the last two partly cancel: who sees both knows more. `Scatter`
sets how well each modality, and both together, can tell the grade.
"""

from dataclasses import dataclass

import numpy as np

from fed.data.phantom.raster import Array, Spots
from fed.data.phantom.vessels import Tree, grow


@dataclass(frozen=True)
class Scatter:
    """How far the severity that findings follow strays from the eye's.

    Attributes
    ----------
    shared, fundus, oct : float
        Standard deviation for the findings that both modalities show, or one of them; the whole
        range of severity is 1.
    opposition : float
        Correlation, taken negative, between the last two.
    """

    shared: float = 0.12
    fundus: float = 0.28
    oct: float = 0.20
    opposition: float = 0.7


@dataclass(frozen=True)
class Cysts:
    """Pockets of fluid.

    Attributes
    ----------
    x, y : Array
        Centres ``(n,)``, as in `Spots`.
    depth : Array
        Centres as a share of the way from the inner to the outer surface of the retina ``(n,)``.
    radius, height : Array
        Half-axes along the retina and across it (as a share of its thickness) ``(n,)``.
    """

    x: Array
    y: Array
    depth: Array
    radius: Array
    height: Array


@dataclass(frozen=True)
class Eye:
    """One synthetic eye.

    Attributes
    ----------
    grade : int
    side : float
        1 where the optic disc lies to the right of the fovea, else -1.
    pigment : float
        Pigmentation of the fundus, 0 (fair) to 1 (dark).
    disc : complex
        Centre of the optic disc, x + iy.
    disc_radius, cup : float
        Its radius; cup-to-disc ratio.
    vessels : Tree
    thickness, pit, choroid : float
        Relative thickness of the retina, depth of the foveal pit, thickness of the choroid.
    drusen, atrophy : Spots
        Seen by both modalities.
    haemorrhages, exudates, clumps : Spots
        Seen in the photograph.
    cysts, detachment : Cysts, Spots
        Fluid within and under the retina, seen in OCT.
    thinning : float
        Share of the inner retina that is lost, seen in OCT.
    """

    grade: int
    side: float
    pigment: float
    disc: complex
    disc_radius: float
    cup: float
    vessels: Tree
    thickness: float
    pit: float
    choroid: float
    drusen: Spots
    atrophy: Spots
    haemorrhages: Spots
    exudates: Spots
    clumps: Spots
    cysts: Cysts
    detachment: Spots
    thinning: float


def draw_eye(
    grade: int, classes: int, random: np.random.Generator, scatter: Scatter | None = None
) -> Eye:
    """Draw an eye of `grade` (0 to ``classes - 1``, mildest first)."""
    scatter = scatter or Scatter()
    severity = (grade + random.random()) / classes
    shift = random.standard_normal(3).tolist()
    shared = severity + scatter.shared * shift[0]
    in_fundus = severity + scatter.fundus * shift[1]
    opposed = -scatter.opposition * shift[1] + (1 - scatter.opposition**2) ** 0.5 * shift[2]
    in_oct = severity + scatter.oct * opposed

    side = 1.0 if random.random() < 0.5 else -1.0
    trait = random.random(8).tolist()
    disc = complex(side * (0.60 + 0.05 * trait[0]), 0.06 * trait[1] - 0.06)
    return Eye(
        grade=grade,
        side=side,
        pigment=trait[3],
        disc=disc,
        disc_radius=0.125 + 0.02 * trait[2],
        cup=0.3 + 0.25 * trait[4],
        vessels=grow(disc, side, random),
        thickness=0.93 + 0.14 * trait[5],
        pit=0.85 + 0.3 * trait[6],
        choroid=0.8 + 0.4 * trait[7],
        drusen=_drusen(_rise(shared, 0.10, 0.60), random),
        atrophy=_atrophy(_rise(shared, 0.62, 1.0), random),
        haemorrhages=_haemorrhages(_rise(in_fundus, 0.15, 0.95), random),
        exudates=_exudates(_rise(in_fundus, 0.35, 0.95), random),
        clumps=_clumps(_rise(in_fundus, 0.3, 0.9), random),
        cysts=_cysts(_rise(in_oct, 0.35, 0.95), random),
        detachment=_detachment(_rise(in_oct, 0.55, 1.0), random),
        thinning=0.45 * _rise(in_oct, 0.0, 1.0),
    )


def _rise(severity: float, onset: float, full: float) -> float:
    """Return the burden of a finding: 0 up to `onset`, 1 at `full`, and on beyond."""
    return min(max((severity - onset) / (full - onset), 0.0), 1.4)


def _spots(
    random: np.random.Generator,
    count: int,
    spread: tuple[float, float],
    radius: tuple[float, float],
    weight: tuple[float, float] = (0.7, 1.0),
) -> Spots:
    """Scatter spots around the fovea at distances between the two of `spread`."""
    u = random.random((4, count), dtype=np.float32)
    angle = 2 * np.pi * u[0]
    distance = spread[0] + (spread[1] - spread[0]) * np.sqrt(u[1])
    size = radius[0] + (radius[1] - radius[0]) * u[2] * u[2]
    height = weight[0] + (weight[1] - weight[0]) * u[3]
    return Spots(distance * np.cos(angle), distance * np.sin(angle), size, height)


def _drusen(burden: float, random: np.random.Generator) -> Spots:
    count = random.poisson(1.0 + 26 * burden)
    largest = 0.018 + 0.032 * min(burden, 1.2)
    return _spots(random, count, (0.02, 0.36), (0.014, largest))


def _atrophy(burden: float, random: np.random.Generator) -> Spots:
    count = random.poisson(4.5 * burden) if burden > 0 else 0
    patch = _spots(random, count, (0.0, 0.09 + 0.08 * burden), (0.05, 0.07 + 0.05 * burden))
    centre = random.uniform(-0.12, 0.12, 2).astype(np.float32)
    return Spots(patch.x + centre[0], patch.y + centre[1], patch.radius, patch.weight)


def _haemorrhages(burden: float, random: np.random.Generator) -> Spots:
    count = random.poisson(0.6 + 17 * burden)
    return _spots(random, count, (0.08, 0.85), (0.012, 0.024 + 0.028 * min(burden, 1.2)))


def _exudates(burden: float, random: np.random.Generator) -> Spots:
    """Draw exudates: bright points in rings around leaking vessels."""
    rings = random.poisson(2.6 * burden)
    centres = _spots(random, rings, (0.12, 0.5), (0.05, 0.11))
    each = 9
    angle = np.linspace(0, 2 * np.pi, each, endpoint=False, dtype=np.float32)[:, None]
    jitter = random.random((3, each, rings), dtype=np.float32)
    distance = centres.radius * (0.6 + 0.8 * jitter[0])
    return Spots(
        (centres.x + distance * np.cos(angle + jitter[1])).ravel(),
        (centres.y + distance * np.sin(angle + jitter[1])).ravel(),
        (0.009 + 0.013 * jitter[2]).ravel(),
        np.ones(each * rings, dtype=np.float32),
    )


def _clumps(burden: float, random: np.random.Generator) -> Spots:
    return _spots(random, random.poisson(0.4 + 5 * burden), (0.03, 0.3), (0.012, 0.03))


def _cysts(burden: float, random: np.random.Generator) -> Cysts:
    place = _spots(random, random.poisson(12 * burden), (0.0, 0.26), (0.03, 0.05 + 0.04 * burden))
    u = random.random((2, place.x.size), dtype=np.float32)
    return Cysts(
        place.x,
        place.y,
        0.35 + 0.25 * u[0],
        place.radius,
        0.07 + 0.09 * u[1],
    )


def _detachment(burden: float, random: np.random.Generator) -> Spots:
    present = burden > 0 and random.random() < 0.3 + 0.6 * burden
    return _spots(random, int(present), (0.0, 0.15), (0.08, 0.14 + 0.08 * burden), (0.5, 1.0))
