"""Every constant of the second generation of phantom eyes; docs/phantom.md tells where each is from.

Lengths on the back of the eye are micrometres here and radii of the photograph in drawings.
"""

MICROMETRES = 3000 / 0.45
"""Of one radius of a photograph of 45 degrees; an OCT volume of 6 mm spans 0.45 to either side."""

CORRELATION = 0.3
"""Of what only the photograph shows with what only OCT shows, within a subtype."""
FELLOW = 0.5
"""Cohen's kappa of the grades of a patient's two eyes."""
OFF_BY_ONE = 0.08
"""Share of labels at training sites that are one grade beside the reference."""
CATARACT, MOTION = 0.10, 0.07
"""Share of photographs, and of volumes, that are spoiled."""

# Age-related macular degeneration.
MEDIUM, LARGE = 63.0, 125.0
"""Diameters from which a druse is medium, and large."""
INTERMEDIATE = {"large drusen": 0.55, "pigment": 0.20, "large drusen and pigment": 0.25}
LATE = {"atrophy": 0.5, "neovascular": 0.5}
DRUSENOID_DETACHMENT = 0.06
DRUSENOID_DIAMETER = (433.0, 1860.0)
DRUSENOID_HEIGHT = (162.0, 76.0)
INCOMPLETE_ATROPHY = 0.145
COMPLETE_ATROPHY = 250.0
"""Least width of complete atrophy in a B-scan (cRORA); what is narrower is incomplete."""
ATROPHY_SIDE = (2440.0, 1160.0)
"""Square root of its area: mean, standard deviation."""
MULTIFOCAL, FOVEAL = 0.67, 0.41
PSEUDOCYSTS = 0.272
SEEN_IN_PHOTOGRAPH, SEEN_IN_OCT = 0.78, 0.94
"""Share of neovascular lesions that show in a photograph, and in OCT."""
ACTIVE_IN_PHOTOGRAPH = 0.38
"""Share of neovascular eyes whose photograph shows blood or lipid."""
LESION_AREA = 2.31 * 2.54e6
INTRARETINAL, SUBRETINAL, DETACHED = 0.77, 0.80, 0.50
NEOVASCULAR_THICKNESS = (459.0, 185.0)

# Diabetes: pairs of retinopathy level and oedema, given the larger of both.
RETINOPATHY = {
    0: {(0, 0): 1.0},
    1: {(1, 0): 0.85, (1, 1): 0.10, (0, 1): 0.05},
    2: {(2, 0): 0.55, (2, 1): 0.20, (2, 2): 0.10, (1, 2): 0.12, (0, 2): 0.03},
    3: {
        (3, 0): 0.21,
        (3, 1): 0.06,
        (3, 2): 0.06,
        (3, 3): 0.35,
        (2, 3): 0.18,
        (1, 3): 0.10,
        (0, 3): 0.04,
    },
}
EXUDATES_WITHOUT_OEDEMA, EXUDATES_WITH_OEDEMA = 0.58, 0.73
THRESHOLD = {True: 320.0, False: 305.0}
"""Central subfield thickness from which oedema involves the centre: men, women."""
CENTRE = {True: (278.0, 23.0), False: (262.0, 22.0)}
"""Central subfield thickness without oedema: men, women."""
OEDEMA_THICKNESS = (412.0, 130.0)

LAYERS = {
    "nerve fibres": (10.8, 21.2, 35.4, 0.74),
    "ganglion cells": (30.6, 91.4, 67.3, 0.46),
    "inner nuclear": (15.3, 38.8, 33.3, 0.27),
    "outer plexiform": (23.5, 33.0, 26.9, 0.50),
    "outer nuclear": (88.4, 67.6, 54.9, 0.17),
    "ellipsoid": (26.0, 22.0, 21.0, 0.74),
    "outer segments": (46.7, 44.9, 44.4, 0.36),
    "subretinal fluid": (0.0, 0.0, 0.0, 0.05),
    "epithelium": (17.5, 15.7, 13.9, 0.95),
    "drusen": (0.0, 0.0, 0.0, 0.48),
    "detachment": (0.0, 0.0, 0.0, 0.16),
}
"""Mean thickness within 0.5 mm of the fovea, from there to 1.5 mm, and to 3 mm; reflectivity."""
