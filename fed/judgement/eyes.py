"""Held-out eyes that were graded from either image and from both."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fed.metrics import patients_of_sites
from fed.results import Count
from fed.sites import CONDITIONS, Condition

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class TwoImageEyes:
    """Eyes with both images.

    Attributes
    ----------
    sites, patients : tuple of str
        Of each eye; a patient's name tells sites apart.
    labels : array (n,)
    probabilities : dict
        For each condition ``(n, K)``.
    """

    sites: tuple[str, ...]
    patients: tuple[str, ...]
    labels: NDArray[np.int64]
    probabilities: dict[Condition, NDArray[np.float64]]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def count(self) -> Count:
        """How many they are."""
        classes = self.probabilities["both"].shape[1]
        return Count(
            cases=len(self),
            patients=len(set(self.patients)),
            by_class=tuple(np.bincount(self.labels, minlength=classes).tolist()),
        )


def two_image_eyes(predictions: "pd.DataFrame") -> TwoImageEyes | None:
    """Return the eyes that were graded under all three conditions; None without one.

    Eyes come in the order of their names, whatever the order of the rows. None, too, where sites
    keep models of their own: what one model gains by an image says nothing of another.

    Parameters
    ----------
    predictions : DataFrame
        As ``predictions.csv`` has them.
    """
    if "model" in predictions:
        return None
    key = ["site", "case_id"]
    columns = [name for name in predictions if name.startswith("p_")]
    by_condition = {
        c: predictions[predictions["condition"] == c].set_index(key) for c in CONDITIONS
    }
    both = by_condition["both"]
    having = [by_condition[c].index for c in CONDITIONS]
    common = both.index[both.index.isin(having[1]) & both.index.isin(having[2])].sort_values()
    if not len(common):
        return None
    eyes = both.loc[common]
    sites = tuple(common.get_level_values("site"))
    return TwoImageEyes(
        sites,
        tuple(patients_of_sites(list(eyes["patient_id"]), sites)),
        eyes["label"].to_numpy(np.int64),
        {c: by_condition[c].loc[common][columns].to_numpy(np.float64) for c in CONDITIONS},
    )
