"""No site's clusters lie much further out than the others': what `norm_bounded` is for updates.

For each class and modality the centre is the coordinate-wise median over the sites' own means. A site
whose clusters lie further from it than `FACTOR` times the median distance of the sites is pulled
towards the centre; clusters that are wider than `FACTOR` squared times what is usual are narrowed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fed.prototypes import Prototypes

FACTOR = 4.0
"""As of `server.reductions.norm_bounded`."""
FEWEST = 3
"""With two sites nobody can say which of them is far out."""
TINY = 1e-30


@dataclass(frozen=True)
class Pulled:
    """A site's clusters of a class that were pulled in: what their distance was multiplied by."""

    site: str
    label: int
    factor: float


def bounded(
    parts: Sequence[Prototypes], sites: Sequence[str]
) -> tuple[list[Prototypes], list[Pulled]]:
    """Return the clusters of each site, those far out pulled in, and what was done.

    Parameters
    ----------
    parts : sequence of Prototypes
        Of one modality, one a site.
    sites : sequence of str
        Their names.
    """
    found: list[Prototypes] = list(parts)
    pulled: list[Pulled] = []
    for label in np.unique(np.concatenate([part.labels for part in parts])):
        rows = [row for row, part in enumerate(found) if (part.labels == label).any()]
        if len(rows) < FEWEST:
            continue
        own = [found[row].of_class(label) for row in rows]
        centre = np.median([np.average(p.means, axis=0, weights=p.counts) for p in own], axis=0)
        distances = [float(np.linalg.norm(p.means - centre, axis=1).max()) for p in own]
        widths = [float(p.variances.sum(axis=1, dtype=np.float64).max()) for p in own]
        square = max(float(np.median(widths)), float(np.median(distances)) ** 2)
        for row, distance, width in zip(rows, distances, widths, strict=True):
            nearer = min(1.0, FACTOR * square**0.5 / max(distance, TINY))
            narrower = min(1.0, FACTOR**2 * square / max(width, TINY))
            if min(nearer, narrower) < 1:
                found[row] = _pulled_in(found[row], int(label), centre, nearer, narrower)
                pulled.append(Pulled(sites[row], int(label), min(nearer, narrower)))
    return found, pulled


def _pulled_in(
    part: Prototypes, label: int, centre: NDArray[np.float64], nearer: float, narrower: float
) -> Prototypes:
    own = part.labels == label
    means, variances = part.means.copy(), part.variances.copy()
    means[own] = centre + nearer * (part.means[own] - centre)
    variances[own] = narrower * part.variances[own]
    return replace(part, means=means, variances=variances)
